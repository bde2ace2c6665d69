"""`last_trained_model.h5`: a model anybody can load, and all that a training needs to go on."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from poseline.errors import ModelError
from poseline.training.folder import BEST, LAST, checkpoints

__all__ = ["BEST", "LAST"]
_GROUP, _STATE = "poseline", "state"


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
        epoch: Epochs that are done.
        best: Best value of the monitored figure so far; None before the first.
        best_epoch: The epoch from 0 that the best model is of; None before the first.
        history: One mapping of figures an epoch.
        callbacks: Counters and best values of each callback, by its class.
        training: The config's `training` section that the training began with.
        config_hash: Hash of the train slice that wrote it.
        stopped: Whether a callback ended the training.
        seed: Seed of order, draws and sizes; None: the config's.
    """

    epoch: int = 0
    best: float | None = None
    best_epoch: int | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    config_hash: str = ""
    stopped: bool = False
    seed: int | None = None


def save_model(model: keras.Model, path: Path) -> None:
    """Write a model as .h5 or .keras, whole or not at all."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    if path.suffix == ".keras":
        model.save(partial, include_optimizer=False)
        partial.replace(path)
        return
    keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(
        model, str(partial), include_optimizer=False
    )
    partial.replace(path)


def save(
    model: keras.Model,
    variables: Sequence[Any],
    state: TrainingState,
    path: Path,
    saved: Path | None = None,
) -> None:
    """Write a model, the optimizer's variables and the state into one .h5, whole or not at all.

    Args:
        model: The model.
        variables: Those of the optimizer.
        state: Where the training stands.
        path: The file to write.
        saved: What `save_model` has written of the model as it is.
    """
    partial = path.with_name(f".{path.stem}.partial.h5")
    if saved and saved.suffix == ".h5":
        shutil.copyfile(saved, partial)  # not written by HDF5 once more
    else:
        save_model(model, partial)
    with h5py.File(partial, "a") as file:
        group = file.require_group(_GROUP)
        # No attribute: HDF5 takes 64 KB of one, and the history of 500 epochs is more.
        group[_STATE] = np.void(json.dumps(asdict(state)).encode())
        for index, variable in enumerate(variables):
            group.create_dataset(f"variable_{index:05d}", data=np.asarray(variable))
    partial.replace(path)


def read_state(path: Path) -> TrainingState | None:
    """Read the state of a training; None where the file is a plain model.

    Raises:
        ModelError: The file is missing or damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            if _GROUP not in file:
                return None
            return TrainingState(**json.loads(bytes(file[_GROUP][_STATE][()])))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} cannot be resumed: {error}", "give a last_trained_model.h5 of poseline"
        ) from None


def restore_variables(variables: Sequence[Any], path: Path) -> None:
    """Assign what `save` kept of the optimizer's variables.

    Raises:
        ModelError: The file holds others.
    """
    with h5py.File(path, "r") as file:
        group = file[_GROUP]
        kept = [group[name][()] for name in sorted(group) if name != _STATE]
    if [np.shape(value) for value in kept] != [tuple(v.shape) for v in variables]:
        raise ModelError(f"{path} holds another optimizer's state", "resume with its own config")
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)


def callback_state(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Return what a callback has counted and found best.

    Its settings are left out, since a resumed training takes them from its own config.
    """
    settings = inspect.signature(type(callback)).parameters
    plain: dict[str, Any] = {}
    for name, value in vars(callback).items():
        if isinstance(value, np.generic):
            value = value.item()
        if name not in settings and isinstance(value, bool | int | float | str | None):
            plain[name] = value
    return plain


def resumable(path: Path) -> Path:
    """Return the checkpoint that `resume_training_from` means: a file, or an experiment's.

    Raises:
        ModelError: There is none.
    """
    for candidate in checkpoints(path):
        if candidate.is_file():
            return candidate
    raise ModelError(
        f"{path} holds no {LAST}",
        "set training.resume_training_from to the file or to its experiment directory",
    )
