"""From a config's text and the few fields of a form to what each task of a pipeline gets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from poseline import store
from poseline.config.loading import run_form
from poseline.config.models.config import Config, Stage
from poseline.config.models.general import OperationMode
from poseline.runner.inputs import Sources

STAGES: tuple[Stage, ...] = (
    "convert",
    "train",
    "quantize",
    "evaluate",
    "predict",
    "benchmark",
    "export",
    "gate",
)
"""Every stage that has a slice, in the order of the outputs of the component `resolve`."""


@dataclass(frozen=True)
class Resolved:
    """What the tasks of a pipeline get.

    Attributes:
        config: The checked config.
        slices: Stage to its slice, as JSON.
        data: What `dataset-convert` gets: the set to convert, the sources that are named, and what
            their content is known by.
    """

    config: Config
    slices: dict[str, dict[str, Any]]
    data: dict[str, Any]


def resolve(text: str, chain: OperationMode, entered: run_form.Form) -> Resolved:
    """Check what a run is started with, and cut it into what each task depends on.

    Args:
        text: The config as YAML; JSON is YAML.
        chain: The mode; the text's own is replaced.
        entered: Fields that win over the config.

    Raises:
        ConfigError: Lists everything that is wrong.
        StoreError: A data set or a model is not there.
    """
    config = run_form.read(text, chain, entered)
    source = config.conversion.path if config.conversion and config.converts else None
    named = Sources.named(config)
    found = {k: v for k, v in asdict(named).items() if v} | ({"source": source} if source else {})
    return Resolved(
        config,
        {stage: config.slice(stage) for stage in sorted(config.stages)},
        {
            "source": source or "",
            "sources": {k: v for k, v in asdict(named).items() if v},
            "content": {name: store.listing_hash(uri) for name, uri in found.items()},
        },
    )
