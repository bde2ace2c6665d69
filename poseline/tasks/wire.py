"""What tasks tell one another: JSON, as parameters of KFP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest

Json = dict[str, Any]

_NOTHING = "None"
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")


def sent(value: Any) -> Any:
    """Return JSON as KFP can hand it on, which knows neither null nor whole numbers.

    Null is told in words, and so is a float that is whole: what arrives as one was an integer.
    """
    if isinstance(value, Mapping):
        return {key: sent(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [sent(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}"
    return _NOTHING if value is None else value


def received(value: Any) -> Any:
    """Return JSON as it was before `sent`."""
    if isinstance(value, Mapping):
        return {key: received(item) for key, item in value.items()}
    if isinstance(value, list):
        return [received(item) for item in value]
    if isinstance(value, str) and _WHOLE_FLOAT.fullmatch(value):
        return float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None if value == _NOTHING else value


def figures_of(result: StageResult, run: Json) -> Json:
    """Return a stage's manifest without its files, as JSON."""
    manifest = replace(Manifest.read(result.out), files={})
    return {"variant": run["variant"], "manifest": sent(asdict(manifest))}


def write_figures(judged: Mapping[str, Json], folder: Path) -> dict[str, Path]:
    """Write figures back as the manifests that they were."""
    found = {}
    for name, figures in judged.items():
        if figures:
            found[name] = folder / name
            manifest_of(figures).write(found[name])
    return found


def manifest_of(figures: Json) -> Manifest:
    """Return the manifest that figures were taken from."""
    return Manifest(**received(figures["manifest"]))
