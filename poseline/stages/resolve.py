"""From a config's text and the few fields of a form to what each task of a pipeline gets."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from poseline import store
from poseline.config import load
from poseline.config.chain import steps
from poseline.config.config import Config
from poseline.config.general import OperationMode
from poseline.data.shard_index import INDEX
from poseline.errors import ConfigError, Problem
from poseline.stages.sources import Sources

_FIELDS = {
    "keypoints": "dataset.keypoints",
    "alpha": "training.model.alpha",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "board": "benchmarking.board",
    "model": "general.model_path",
    "output": "general.output",
    "quantizer": "quantization.quantizer",
    "granularity": "quantization.granularity",
}
"""Field of the form, or of a variant of a sweep, to the key that it stands for."""
_SPECIAL = ("dataset", "input_size", "learning_rate")
_ANNOTATIONS = re.compile(r"(annotations/)?person_keypoints[^/]*\.json")
_SETS = ("training_path", "validation_path")

Form = Mapping[str, Any]
"""Fields and what was entered; empty text and 0 mean that the config decides."""


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


def read(text: str, chain: OperationMode, form: Form) -> Config:
    """Return the config that a text and a form give together.

    Args:
        text: The config as YAML; JSON is YAML.
        chain: The mode; the text's own is replaced.
        form: What was entered; a dotted name is a key of the config.

    Raises:
        ConfigError: Lists everything that is wrong.
        StoreError: The data set cannot be listed.
    """
    entered = {name: value for name, value in form.items() if value not in ("", 0, None)}
    unknown = [name for name in entered if name not in (*_FIELDS, *_SPECIAL) and "." not in name]
    if unknown:
        accepted = ", ".join((*_SPECIAL, *_FIELDS))
        raise ConfigError([Problem(n, "a field", accepted) for n in unknown], "the form")
    written = load.resolve(text)
    overrides = [f"{_FIELDS.get(name, name)}={json.dumps(value)}"
                 for name, value in entered.items() if name not in _SPECIAL]  # fmt: skip
    if size := entered.get("input_size"):
        overrides.append(f"training.model.input_shape={json.dumps([size, size, 3])}")
    if rate := entered.get("learning_rate"):
        overrides.append(f"training.optimizer.{_optimizer(written)}.learning_rate={rate}")
    if uri := entered.get("dataset"):
        overrides += _dataset(str(uri).rstrip("/"), written)
    return load.parse(text, overrides, mode=chain)


def resolve(text: str, chain: OperationMode, form: Form) -> Resolved:
    """Check what a run is started with, and cut it into what each task depends on.

    Raises:
        ConfigError: Lists everything that is wrong.
        StoreError: A data set or a model is not there.
    """
    config = read(text, chain, form)
    stages = {step.stage for step in steps(chain, gated=config.gated)}
    stages |= {"convert"} if config.conversion else set()
    source = config.conversion.path if config.conversion else None
    named = Sources.named(config)
    found = {k: v for k, v in asdict(named).items() if v} | ({"source": source} if source else {})
    return Resolved(
        config,
        {stage: config.slice(stage) for stage in sorted(stages)},
        {
            "source": source or "",
            "sources": {k: v for k, v in asdict(named).items() if v},
            "content": {name: store.listing_hash(uri) for name, uri in found.items()},
        },
    )


def content_of(names: Iterable[str]) -> str:
    """Tell what a data set is by the names of its files: `coco`, `packed` or `yolo`."""
    listed = list(names)
    if any(posixpath.basename(name) == INDEX for name in listed):
        return "packed"
    return "coco" if any(_ANNOTATIONS.fullmatch(name) for name in listed) else "yolo"


def _optimizer(written: Mapping[str, Any]) -> str:
    """Return the name of the config's optimizer; it may be text or a mapping of one."""
    training = written.get("training") or {}
    optimizer = training.get("optimizer") if isinstance(training, Mapping) else None
    if isinstance(optimizer, Mapping) and optimizer:
        return str(next(iter(optimizer)))
    return str(optimizer or "Adam")


def _dataset(uri: str, written: Mapping[str, Any]) -> list[str]:
    """Return the overrides by which a set of any kind takes the place of what a config names."""
    names = store.listing(uri)
    dataset = written.get("dataset") or {}
    there = [key for key in _SETS if isinstance(dataset, Mapping) and key in dataset]
    if content_of(names) == "coco":
        return [f"conversion.path={json.dumps(uri)}", *(f"~dataset.{key}" for key in there)]
    parts = {name.split("/", 1)[0] for name in names if "/" in name}
    train, val = ("train" in parts, "val" in parts)
    sets = {"training_path": f"{uri}/train" if train else uri}
    if val:
        sets["validation_path"] = f"{uri}/val"
    gone = [key for key in there if key not in sets]
    return [
        *(f"dataset.{key}={json.dumps(value)}" for key, value in sets.items()),
        *(f"~dataset.{key}" for key in gone),
        *(["~conversion"] if "conversion" in written else []),
    ]
