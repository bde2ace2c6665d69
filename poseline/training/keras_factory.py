"""Optimizers and callbacks of Keras by the names that the config gives."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from poseline.config.models.training import Training
from poseline.errors import ConfigError, Problem
from poseline.training.learning_rate import SCHEDULES, Schedule, schedule

_BUILT_IN = ("ModelCheckpoint", "TensorBoard")
_CHECKPOINTS = (
    "checkpoints, which are built in",
    "any other callback of Keras",
    "last_trained_model.h5 is written after each epoch",
)
_REFUSED: dict[str, tuple[str, str, str]] = {
    "LearningRateScheduler": (
        "a schedule written as code, which is not run",
        ", ".join(SCHEDULES),
        "LRPiecewiseConstantDecay holds any list of rates",
    ),
    "LambdaCallback": ("code, which is not run", "any other callback of Keras", ""),
    "BackupAndRestore": _CHECKPOINTS,
    "OrbaxCheckpoint": _CHECKPOINTS,
}


def optimizer(training: Training) -> keras.optimizers.Optimizer:
    """Return the optimizer of a config.

    Raises:
        ConfigError: Keras has no optimizer of that name, or it refuses a setting.
    """
    ((name, settings),) = training.optimizer.items()
    known = _classes(keras.optimizers, keras.optimizers.Optimizer)
    return _make(f"training.optimizer.{name}", known, name, settings)


def callbacks(training: Training) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a config, without the built-in ones.

    Raises:
        ConfigError: A callback is unknown, or it refuses a setting.
    """
    known = _classes(keras.callbacks, keras.callbacks.Callback)
    found: list[keras.callbacks.Callback] = []
    for name, settings in training.callbacks.items():
        path = f"training.callbacks.{name}"
        if name in _BUILT_IN:
            continue
        if name in SCHEDULES:
            found.append(_follow(schedule(name, settings)))
        elif name in _REFUSED:
            raise ConfigError([Problem(path, *_REFUSED[name])])
        else:
            if name == "SwapEMAWeights":  # so that what is saved is what was measured
                settings = {"swap_on_epoch": True, **settings}
            found.append(_make(path, {**known, **dict.fromkeys(SCHEDULES)}, name, settings))
    return found


def _follow(rate: Schedule) -> keras.callbacks.Callback:
    return keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(epoch))


def _classes(module: Any, base: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def _make(path: str, known: Mapping[str, Any], name: str, settings: Mapping[str, Any]) -> Any:
    if known.get(name) is None:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else ""
        raise ConfigError([Problem(path, "an unknown name", ", ".join(sorted(known)), hint)])
    try:
        return known[name](**settings)
    except (TypeError, ValueError) as error:
        accepted = [p for p in inspect.signature(known[name]).parameters if p != "kwargs"]
        raise ConfigError(
            [Problem(path, str(error).splitlines()[0], ", ".join(accepted))]
        ) from None
