"""The folder of a training: what is trained in it, so that no other one takes its place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poseline.config.models.config import config_hash
from poseline.errors import StoreError
from poseline.store.manifest import write_atomic

BEST, LAST, HISTORY = "best_model.h5", "last_trained_model.h5", "history.csv"
BESTS = (BEST, "best_model.keras")
"""What the best model may be called, one for each `training.model_format`."""
TRANSFER = "pretrained_weights.csv"
"""Which layers of a new model began with pretrained weights."""
SETTINGS = "training.json"
"""Written before the first epoch: the settings, and the hashes of the inputs."""
_SHOWN = 6


def claim(
    out: Path,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    resume: Path | None = None,
) -> None:
    """Make a folder that of a training.

    Args:
        out: The folder, made where it is missing.
        settings: The train slice of the config.
        inputs: Name of each input to its hash, but for what is resumed.
        resume: The checkpoint that the training goes on with.

    Raises:
        StoreError: As `check`.
    """
    check(out, settings, inputs, resume)
    text = json.dumps({"settings": settings, "inputs": inputs}, indent=1, sort_keys=True)
    write_atomic(out / SETTINGS, text + "\n")


def check(
    out: Path,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    resume: Path | None = None,
) -> None:
    """Refuse a folder that holds another training, or models that no training left.

    Args:
        out: The folder, there or not.
        settings: The train slice of the config.
        inputs: As `claim` gets them; None: they are not known yet.
        resume: The checkpoint that the training goes on with; where that is the one in the
            folder, other settings are accepted.

    Raises:
        StoreError: Names the keys that differ.
    """
    present = [name for name in (*BESTS, LAST, HISTORY) if os.path.lexists(out / name)]
    if not present or (resume and (out / LAST).exists() and resume.samefile(out / LAST)):
        return
    before = _read(out)
    if before is None:
        if _began_with(out, settings):
            return
        raise StoreError(
            f"{out} holds {', '.join(present)}, and no training with these settings left that",
            "choose another hydra.run.dir or general.saved_models_dir; nothing was replaced",
        )
    differ = _differences(before["settings"], settings)
    if inputs is not None and not differ:
        known = before["inputs"]
        differ = [
            f"the input `{name}`"
            for name in sorted({*known, *inputs})
            if known.get(name) != inputs.get(name)
        ]
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise StoreError(
            f"{out} holds a training with other settings; changed since: "
            f"{', '.join(differ[:_SHOWN])}{more}",
            "choose another hydra.run.dir; to go on with that training, set "
            f"training.resume_training_from={out / LAST}; nothing was replaced",
        )


def best_name(model_format: str) -> str:
    """Return the name of the best model's file in a format."""
    return f"best_model.{model_format}"


def checkpoints(path: Path) -> tuple[Path, ...]:
    """Return where the checkpoint may be that `resume_training_from` names."""
    return (path, path / LAST, path / "saved_models" / LAST)


def _read(out: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
        return found if {"settings", "inputs"} <= found.keys() else None
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _began_with(out: Path, settings: Mapping[str, Any]) -> bool:
    """Return whether the checkpoint says so, as those of earlier versions did alone."""
    if not (out / LAST).is_file():
        return False
    from poseline.errors import ModelError
    from poseline.training.checkpoint import read_state

    try:
        state = read_state(out / LAST)
    except ModelError:
        return False
    return state is not None and state.config_hash == config_hash(dict(settings))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> list[str]:
    """Return the dotted keys that differ, each with both values."""
    found = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{at}{key}.")
        elif old != new:
            found.append(f"{at}{key} ({_brief(old)} there, {_brief(new)} now)")
    return found


def _brief(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}…"
