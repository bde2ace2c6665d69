"""Optimizers and callbacks of Keras by the names that the config gives."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from poseline.config.models.training import Training
from poseline.config.requirements.keras_arguments import BUILT_IN, problems
from poseline.errors import ConfigError, Problem
from poseline.training.learning_rate import SCHEDULES, Schedule, schedule


def optimizer(training: Training) -> keras.optimizers.Optimizer:
    """Return the optimizer of a config.

    Raises:
        ConfigError: Keras has no optimizer of that name, or it refuses a setting.
    """
    _check(training)
    ((name, settings),) = training.optimizer.items()
    if averaging(training) is not None:  # the trainer averages, and uses what it averages
        settings = {k: v for k, v in settings.items() if k not in ("use_ema", "ema_momentum")}
    known = _classes(keras.optimizers, keras.optimizers.Optimizer)
    made = _make(f"training.optimizer.{name}", known, name, settings)
    scaled = training.precision == "mixed_float16"
    return keras.optimizers.LossScaleOptimizer(made) if scaled else made


def averaging(training: Training) -> float | None:
    """Return the momentum of the average of the weights; None: there is none.

    It is `training.ema`, or that of an optimizer with `use_ema`: Keras would average and leave the
    average unused. One that overwrites the weights from time to time is Keras' own.
    """
    ((_, settings),) = training.optimizer.items()
    if training.ema is not None or not settings.get("use_ema"):
        return training.ema
    if settings.get("ema_overwrite_frequency"):
        return None
    return float(settings.get("ema_momentum", 0.99))


_TELLING = ("CSVLogger", "ProgbarLogger", "RemoteMonitor")
"""Callbacks that write or send something, and change nothing in the training."""


def callbacks(training: Training, chief: bool = True) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a config, without the built-in ones.

    Args:
        training: The section.
        chief: Whether this process writes; else those that only tell something are left out.

    Raises:
        ConfigError: A callback is unknown, or it refuses a setting.
    """
    _check(training)
    known = _classes(keras.callbacks, keras.callbacks.Callback)
    found: list[keras.callbacks.Callback] = []
    for name, settings in training.callbacks.items():
        path = f"training.callbacks.{name}"
        if name in BUILT_IN or (name == "SwapEMAWeights" and averaging(training) is not None):
            continue
        if name in _TELLING and not chief:
            continue
        if name in SCHEDULES:
            found.append(_follow(schedule(name, settings)))
            continue
        if name == "SwapEMAWeights":  # so that what is saved is what was measured
            settings = {"swap_on_epoch": True, **settings}
        if settings.get("monitor") == "val_oks" and settings.get("mode", "auto") == "auto":
            settings = {**settings, "mode": "max"}  # Keras does not know which way it is better
        found.append(_make(path, known, name, settings))
    return found


def _check(training: Training) -> None:
    """Check a config that did not come through `load`, such as a stage's slice."""
    if found := problems(training):
        raise ConfigError(found)


def _follow(rate: Schedule) -> keras.callbacks.Callback:
    return keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(epoch))


def _classes(module: Any, base: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def _make(path: str, known: Mapping[str, Any], name: str, settings: Mapping[str, Any]) -> Any:
    try:
        return known[name](**settings)
    except (TypeError, ValueError) as error:
        accepted = [p for p in inspect.signature(known[name]).parameters if p != "kwargs"]
        raise ConfigError(
            [Problem(path, str(error).splitlines()[0], ", ".join(accepted))]
        ) from None
