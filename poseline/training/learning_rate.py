"""Learning-rate schedules: pure functions of the epoch, and how they are drawn."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from poseline.config.models.training import Training
from poseline.errors import ConfigError, Problem
from poseline.store.drawing import write_figure

Schedule = Callable[[int], float]


def linear(initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float) -> Schedule:
    """Hold, then fall linearly to `end_lr` within `decay_steps` epochs."""
    return _held(hold_steps, lambda t: _between(initial_lr, end_lr, min(t / decay_steps, 1)))


def exponential(
    initial_lr: float, hold_steps: int, decay_rate: float, min_lr: float = 0.0
) -> Schedule:
    """Hold, then fall as exp(-decay_rate · epochs), not below `min_lr`."""
    return _held(hold_steps, lambda t: max(initial_lr * math.exp(-decay_rate * t), min_lr))


def step(initial_lr: float, step_size: int, decay_rate: float, min_lr: float = 0.0) -> Schedule:
    """Multiply by `decay_rate` every `step_size` epochs, not below `min_lr`."""
    return lambda epoch: max(initial_lr * decay_rate ** (epoch // step_size), min_lr)


def cosine(initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float) -> Schedule:
    """Hold, then fall along half a cosine to `end_lr` (arXiv:1608.03983)."""
    return _held(hold_steps, lambda t: _cosine(initial_lr, end_lr, min(t / decay_steps, 1)))


def cosine_restarts(
    initial_lr: float, first_decay_steps: int, end_lr: float, t_mul: int = 2, m_mul: float = 1.0
) -> Schedule:
    """Cosine periods, each `t_mul` times as long and `m_mul` times as high as the one before."""

    def rate(epoch: int) -> float:
        start, length, height = 0, first_decay_steps, initial_lr
        while epoch >= start + length:
            start, length, height = start + length, length * t_mul, height * m_mul
        return _cosine(height, end_lr, (epoch - start) / length)

    return rate


def polynomial(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float, power: float = 1.0
) -> Schedule:
    """Hold, then fall as (1 - t)^power to `end_lr`."""
    return _held(
        hold_steps,
        lambda t: _between(end_lr, initial_lr, (1 - min(t / decay_steps, 1)) ** power),
    )


def polynomial_restarts(
    initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float, power: float = 0.5
) -> Schedule:
    """Hold, then fall as `polynomial` and start again every `decay_steps` epochs."""
    return _held(
        hold_steps,
        lambda t: _between(end_lr, initial_lr, (1 - (t % decay_steps) / decay_steps) ** power),
    )


def piecewise(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """Hold `values[i]` until the epoch `boundaries[i]`, and the last value from then on."""
    if len(values) != len(boundaries) + 1 or sorted(set(boundaries)) != list(boundaries):
        raise ValueError("`values` has one more entry than `boundaries`, which rises strictly")
    return lambda epoch: float(values[sum(epoch >= bound for bound in boundaries)])


def _warm(schedule: Callable[..., Schedule]) -> Callable[..., Schedule]:
    """Rise linearly from `initial_lr` to `max_lr` first; then the schedule, from `max_lr`."""

    def warmed(
        *, max_lr: float, warmup_steps: int, initial_lr: float = 0.0, **rest: Any
    ) -> Schedule:
        after = schedule(initial_lr=max_lr, **rest)
        return lambda epoch: (
            _between(initial_lr, max_lr, epoch / warmup_steps)
            if epoch < warmup_steps
            else after(epoch - warmup_steps)
        )

    names = [p for p in inspect.signature(schedule).parameters.values() if p.name != "initial_lr"]
    own = [p for p in inspect.signature(warmed).parameters.values() if p.kind != p.VAR_KEYWORD]
    rest = [p.replace(kind=p.KEYWORD_ONLY) for p in names]
    warmed.__signature__ = inspect.Signature([*own, *rest])  # type: ignore[attr-defined]
    return warmed


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "LRLinearDecay": linear,
    "LRExponentialDecay": exponential,
    "LRStepDecay": step,
    "LRCosineDecay": cosine,
    "LRCosineDecayRestarts": cosine_restarts,
    "LRPolynomialDecay": polynomial,
    "LRPolynomialDecayRestarts": polynomial_restarts,
    "LRPiecewiseConstantDecay": piecewise,
    "LRWarmupLinearDecay": _warm(linear),
    "LRWarmupExponentialDecay": _warm(exponential),
    "LRWarmupStepDecay": _warm(step),
    "LRWarmupCosineDecay": _warm(cosine),
    "LRWarmupPolynomialDecay": _warm(polynomial),
}
"""The schedulers that `training.callbacks` accepts beside those of Keras."""


def schedule(name: str, settings: Mapping[str, Any]) -> Schedule:
    """Return a schedule by the name it has in `training.callbacks`.

    Raises:
        ConfigError: A setting is unknown, missing or out of range.
    """
    function = SCHEDULES[name]
    settings = {key: value for key, value in settings.items() if key != "verbose"}
    path = f"training.callbacks.{name}"
    try:
        inspect.signature(function).bind(**settings)
        made = function(**settings)
        made(0)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        accepted = ", ".join(inspect.signature(function).parameters)
        raise ConfigError([Problem(path, str(error), accepted)]) from None
    return made


def plot(training: Training, out: Path) -> None:
    """Draw the learning rate over the epochs of a training.

    Raises:
        ConfigError: The config has no scheduler that is known beforehand.
    """
    from matplotlib.figure import Figure

    named = [name for name in training.callbacks if name in SCHEDULES]
    if not named:
        raise ConfigError(
            [
                Problem(
                    "training.callbacks",
                    ", ".join(training.callbacks) or "nothing",
                    ", ".join(SCHEDULES),
                    "ReduceLROnPlateau reacts to the training and cannot be drawn beforehand",
                )
            ]
        )
    rate = schedule(named[0], training.callbacks[named[0]])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(range(training.epochs), [rate(epoch) for epoch in range(training.epochs)])
    axes.set(xlabel="epoch", ylabel="learning rate", title=named[0])
    axes.grid(alpha=0.3)
    write_figure(out, figure, dpi=120)


def _held(hold_steps: int, after: Callable[[int], float]) -> Schedule:
    return lambda epoch: after(max(epoch - hold_steps, 0))


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
