"""What tasks hand on to one another: JSON text, as string parameters of KFP.

KFP's own mappings are protobuf's, in which a whole number is a float and null has no place. Text
arrives as it was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

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
        return cls.model_validate_json(text)

    def text(self) -> str:
        """Return it as the text of a parameter."""
        return self.model_dump_json()


class RunReference(Parameter):
    """Where a run is tracked, and its models are put."""

    mlflow: str
    """URI of the tracking server."""
    project: str
    """Name of the experiment in MLflow."""
    output: str = ""
    """Folder that models are copied to; empty: none."""
    variant: str = ""
    """What this pass of a sweep changes; empty: it is no sweep."""


class DataSources(Parameter):
    """The sets and models that a config names."""

    source: str = ""
    """Set to convert; empty: none."""
    sources: dict[str, str]
    """Field of `Sources` to its URI."""
    content: dict[str, str]
    """What each of them is known by: a hash of its listing."""
    run: RunReference
    """Where a failure is reported."""


class StageInputs(Parameter):
    """What a stage reads beside a model."""

    inputs: dict[str, str] = Field(default_factory=dict)
    """Name of the input to its URI."""
    content: dict[str, str] = Field(default_factory=dict)
    """As in `DataSources`: KFP's cache tells by it that a set has changed."""
    part: str = ""
    """The part of the training set that is the test set; empty: it is a set of its own."""


class Figures(Parameter):
    """The manifest of an evaluation or a benchmark, without its files."""

    variant: str
    """The pass of the sweep that it is of."""
    manifest: Json
    """The fields of `Manifest`."""

    @classmethod
    def of(cls, result: StageResult, run: RunReference) -> Self:
        """Take the figures of a stage."""
        manifest = replace(Manifest.read(result.out), files={})
        return cls(variant=run.variant, manifest=asdict(manifest))

    @property
    def as_manifest(self) -> Manifest:
        """The manifest that they were taken from."""
        return Manifest(**self.manifest)


def written(value: Mapping[str, Any]) -> str:
    """Return a slice of the config as the text of a parameter."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def read_slice(text: str) -> Json:
    """Read a slice of the config."""
    found: Json = json.loads(text)
    return found


def read_figures(judged: Mapping[str, str]) -> dict[str, Figures]:
    """Read the figures of several stages; empty text is a stage that was not run."""
    return {name: Figures.read(text) for name, text in judged.items() if text}


def write_manifests(judged: Mapping[str, Figures], folder: Path) -> dict[str, Path]:
    """Write figures back as the manifests that they were, a folder each."""
    for name, figures in judged.items():
        figures.as_manifest.write(folder / name)
    return {name: folder / name for name in judged}
