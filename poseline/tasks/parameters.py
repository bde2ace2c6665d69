"""What tasks hand on to one another: YAML in flow style, as string parameters of KFP.

KFP's own mappings are protobuf's, in which a whole number is a float and null has no place. Text
arrives as it was sent. YAML needs no quotes, of which each costs eight bytes in every node of the
workflow: it is JSON within JSON within JSON there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest

Json = dict[str, Any]


class Parameter(BaseModel):
    """A parameter between tasks; what a task of another version wrote beside it is left alone."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the text of a parameter."""
        return cls.model_validate(yaml.safe_load(text))

    def text(self) -> str:
        """Return it as the text of a parameter."""
        return written(self.model_dump(mode="json", exclude_defaults=True))


class RunReference(Parameter):
    """Where a run is tracked, and its models are put."""

    mlflow: str
    """URI of the tracking server."""
    project: str
    """Name of the experiment in MLflow."""
    output: str = ""
    """Folder that models are copied to; empty: none."""
    variant: str = ""
    """What this pass of a sweep changes; empty: it is not a sweep."""


class DataSources(Parameter):
    """The sets and models that a config names, and nothing else.

    KFP's cache goes by it: a set is not converted again where only the project has another name.
    """

    source: str = ""
    """Set to convert; empty: none."""
    sources: dict[str, str]
    """Field of `Sources` to its URI."""
    content: dict[str, str]
    """What each of them is known by: a hash of its listing."""


class Share(Parameter):
    """What one of several tasks converts of a set."""

    part: str
    """Which part, such as 2/4."""
    config: Json
    """The slice of the stage convert."""
    source: str
    """URI of the set."""
    content: str
    """What its content is known by; by which KFP's cache sees that a set has changed."""
    place: str
    """URI of the packed set, the same for all parts."""


class SearchOrder(Parameter):
    """The instructions for a worker of a search."""

    worker: int
    """Its number, from 1: KFP's cache must not take one for another."""
    config: str
    """The whole config as YAML."""
    place: str
    """URI that measured trials are put to."""


class StageInputs(Parameter):
    """What a stage reads beside a model."""

    inputs: dict[str, str] = Field(default_factory=dict)
    """Name of the input to its URI."""
    content: dict[str, str] = Field(default_factory=dict)
    """As in `DataSources`: KFP's cache notices by it that a set has changed."""
    part: str = ""
    """The part of the training set that is the test set; empty: it is a set of its own."""


_TOLD = ("accuracy_known", "pictures", "oks_per_keypoint", "board", "verdict", "ram_source")
"""What gate and comparison read of a summary. The text is in each node of theirs, six times in
all, so tables of boards and versions stay behind."""


class Figures(Parameter):
    """What gate and comparison read of the manifest of an evaluation or a benchmark."""

    variant: str
    """The pass of the sweep that it is of."""
    manifest: Json
    """The fields of `Manifest`."""

    @classmethod
    def of(cls, result: StageResult, run: RunReference) -> Self:
        """Take the figures of a stage."""
        found = Manifest.read(result.out)
        told = {key: found.summary[key] for key in _TOLD if key in found.summary}
        if points := told.get("oks_per_keypoint"):
            told["oks_per_keypoint"] = dict.fromkeys(points)  # which points there are is asked for
        kept = replace(found, files={}, roles={}, versions={}, created="", summary=told)
        return cls(variant=run.variant, manifest=asdict(kept))

    @property
    def as_manifest(self) -> Manifest:
        """The manifest that they were taken from."""
        return Manifest(**self.manifest)


def written(value: Mapping[str, Any]) -> str:
    """Return a slice of the config as the text of a parameter."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=True, width=math.inf, allow_unicode=True
    )
    return text.strip()


def read_slice(text: str) -> Json:
    """Read a slice of the config."""
    found: Json = yaml.safe_load(text)
    return found


def read_figures(judged: Mapping[str, str]) -> dict[str, Figures]:
    """Read the figures of several stages; empty text is a stage that was not run."""
    return {name: Figures.read(text) for name, text in judged.items() if text}


def write_manifests(judged: Mapping[str, Figures], folder: Path) -> dict[str, Path]:
    """Write figures back as the manifests that they were, a folder each."""
    for name, figures in judged.items():
        figures.as_manifest.write(folder / name)
    return {name: folder / name for name in judged}
