"""Optimizers and callbacks of Keras by the names that the config gives."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from poseline.config.training import Training
from poseline.errors import ConfigError, Problem
from poseline.training.schedules import SCHEDULES, schedule

_BUILT_IN = ("ModelCheckpoint", "TensorBoard")


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
            rate = schedule(name, settings)
            found.append(
                keras.callbacks.LearningRateScheduler(lambda epoch, _rate=rate: _rate(epoch))
            )
        elif name == "LearningRateScheduler":
            raise ConfigError(
                [
                    Problem(
                        path,
                        "a schedule written as code, which is not run",
                        ", ".join(SCHEDULES),
                        "LRPiecewiseConstantDecay holds any list of rates",
                    )
                ]
            )
        else:
            found.append(_make(path, {**known, **dict.fromkeys(SCHEDULES)}, name, settings))
    return found


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
