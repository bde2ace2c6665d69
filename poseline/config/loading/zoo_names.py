"""The keys of the zoo's version 4 and ours, and texts with the one in place of the other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from poseline.errors import Problem

MODEL: Mapping[str, str] = {
    "model_path": "general.model_path",
    "model_type": "general.model_type",
    "model_name": "training.model.name",
    "alpha": "training.model.alpha",
    "input_shape": "training.model.input_shape",
    "pretrained": "training.model.pretrained_weights",
    "final_activation": "training.model.final_activation",
}
MOVED: Mapping[str, str] = {
    **{f"model.{key}": path for key, path in MODEL.items()},
    "dataset.dataset_name": "dataset.name",
    "dataset.prediction_path": "prediction.test_files_path",
}
"""Key of version 4 to ours."""
_MOVED_BACK = {path: key for key, path in MOVED.items()}
OURS = _MOVED_BACK | {"training.model": "model.model_name"}
NEW = ("model", "dataset.dataset_name", "dataset.prediction_path")
_OVERRIDE = re.compile(r"^([~+]*)([\w.]+)")


def renamed(problem: Problem) -> Problem:
    """Return a problem with the keys of version 4 in place of ours."""
    path, accepted = _renamed(problem.path), _renamed(problem.accepted)
    hint, found = _renamed(problem.hint), problem.found
    if not found.startswith(("'", '"')):  # what the user wrote stays as it is
        found = _renamed(found)
    if problem.found == "an unknown key":
        section, _, key = problem.path.rpartition(".")
        keys = _keys_of(section, problem.accepted.split(", "))
        accepted = ", ".join(keys)
        if not hint or ("did you mean" in hint and f".{key}`" not in hint):
            hint = near(key, keys)
    return replace(problem, path=path, found=found, accepted=accepted, hint=hint)


def override(written: str) -> str:
    """Return an override of one of our keys with the key that version 4 has for it."""
    return _OVERRIDE.sub(lambda key: f"{key[1]}{_MOVED_BACK.get(key[2], key[2])}", written)


def near(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the key that a word may be meant for; "" where none is alike."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _renamed(text: str) -> str:
    """Return a text with the keys of version 4 in place of ours."""
    for path in sorted(OURS, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(path)}(?!\w)", OURS[path], text)
    return text


def _keys_of(section: str, ours: list[str]) -> list[str]:
    """Return the keys that a section has in version 4."""
    if not section:
        return [ours[0], "model", *ours[1:]]
    if section == "model":
        return list(MODEL)
    within = f"{section}."
    moved = [key.removeprefix(within) for key in MOVED if key.startswith(within)]
    return moved + [key for key in ours if f"{within}{key}" not in OURS]
