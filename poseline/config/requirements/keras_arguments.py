"""Keras' optimizers and callbacks, and the learning-rate schedulers, with their arguments.

Written down, so that a config is checked in milliseconds and without TensorFlow; a test holds the
tables against Keras and the schedulers.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from poseline.config.models.training import Training
from poseline.errors import Problem

Arguments = Mapping[str, str]
"""Name of an argument to its kind (see `_KINDS`); `?`: may be nothing, `!`: must be given."""

FIGURES = ("loss", "val_loss", "val_oks", "learning_rate")
"""What an epoch measures, and callbacks may monitor."""
BUILT_IN = ("ModelCheckpoint", "TensorBoard")

_COMMON = {
    "weight_decay": "number?",
    "clipnorm": "number?",
    "clipvalue": "number?",
    "global_clipnorm": "number?",
    "use_ema": "truth",
    "ema_momentum": "share",
    "ema_overwrite_frequency": "whole?",
    "loss_scale_factor": "number?",
    "gradient_accumulation_steps": "whole?",
    "name": "text?",
}
_RATE = {"learning_rate": "rate"}
_BETAS = {"beta_1": "share", "beta_2": "share", "epsilon": "number"}
OPTIMIZERS: Mapping[str, Arguments] = {
    "Adadelta": _COMMON | _RATE | {"rho": "share", "epsilon": "number"},
    "Adafactor": _COMMON
    | _RATE
    | {
        "beta_2_decay": "number",
        "epsilon_1": "number",
        "epsilon_2": "number",
        "clip_threshold": "number",
        "relative_step": "truth",
    },
    "Adagrad": _COMMON | _RATE | {"initial_accumulator_value": "number", "epsilon": "number"},
    "Adam": _COMMON | _RATE | _BETAS | {"amsgrad": "truth"},
    "AdamW": _COMMON | _RATE | _BETAS | {"amsgrad": "truth"},
    "Adamax": _COMMON | _RATE | _BETAS,
    "Ftrl": _COMMON
    | _RATE
    | {
        "learning_rate_power": "number",
        "initial_accumulator_value": "number",
        "l1_regularization_strength": "number",
        "l2_regularization_strength": "number",
        "l2_shrinkage_regularization_strength": "number",
        "beta": "number",
    },
    "Lamb": _COMMON | _RATE | _BETAS,
    "Lion": _COMMON | _RATE | {"beta_1": "share", "beta_2": "share"},
    "Muon": _COMMON
    | _RATE
    | {
        "adam_beta_1": "share",
        "adam_beta_2": "share",
        "adam_weight_decay": "number?",
        "epsilon": "number",
        "exclude_layers": "texts?",
        "exclude_embeddings": "truth",
        "muon_a": "number",
        "muon_b": "number",
        "muon_c": "number",
        "adam_lr_ratio": "number",
        "momentum": "share",
        "ns_steps": "whole",
        "nesterov": "truth",
        "rms_rate": "number?",
    },
    "Nadam": _COMMON | _RATE | _BETAS,
    "RMSprop": _COMMON
    | _RATE
    | {
        "rho": "share",
        "momentum": "share",
        "epsilon": "number",
        "centered": "truth",
    },
    "SGD": _COMMON | _RATE | {"momentum": "share", "nesterov": "truth"},
    "ScheduleFreeAdamW": _COMMON | _RATE | _BETAS | {"warmup_steps": "count"},
}
_MONITORED = {"monitor": "figure", "mode": "mode"}
CALLBACKS: Mapping[str, Arguments] = {
    "History": {},
    "ProgbarLogger": {},
    "CSVLogger": {"filename": "text!", "separator": "text", "append": "truth"},
    "EarlyStopping": _MONITORED
    | {
        "min_delta": "number",
        "patience": "count",
        "verbose": "count",
        "baseline": "number?",
        "restore_best_weights": "truth",
        "start_from_epoch": "count",
    },
    "ReduceLROnPlateau": _MONITORED
    | {
        "factor": "below one",
        "patience": "count",
        "verbose": "count",
        "min_delta": "number",
        "cooldown": "count",
        "min_lr": "number",
    },
    "RemoteMonitor": {
        "root": "text",
        "path": "text",
        "field": "text",
        "headers": "mapping?",
        "send_as_json": "truth",
    },
    "SwapEMAWeights": {"swap_on_epoch": "truth"},
    "TerminateOnNaN": {"raise_error": "truth"},
}
_HELD = {"initial_lr": "number!", "hold_steps": "count!"}
_DECAY = {"decay_steps": "whole!", "end_lr": "number!"}
_WARM = {"max_lr": "number!", "warmup_steps": "count!", "initial_lr": "number"}
_EXPONENTIAL = {"decay_rate": "number!", "min_lr": "number"}
_STEP = {"step_size": "whole!", "decay_rate": "number!", "min_lr": "number"}
SCHEDULERS: Mapping[str, Arguments] = {
    "LRLinearDecay": _HELD | _DECAY,
    "LRExponentialDecay": _HELD | _EXPONENTIAL,
    "LRStepDecay": {"initial_lr": "number!"} | _STEP,
    "LRCosineDecay": _HELD | _DECAY,
    "LRCosineDecayRestarts": {
        "initial_lr": "number!",
        "first_decay_steps": "whole!",
        "end_lr": "number!",
        "t_mul": "whole",
        "m_mul": "number",
    },
    "LRPolynomialDecay": _HELD | _DECAY | {"power": "number"},
    "LRPolynomialDecayRestarts": _HELD | _DECAY | {"power": "number"},
    "LRPiecewiseConstantDecay": {"boundaries": "numbers!", "values": "numbers!"},
    "LRWarmupLinearDecay": _WARM | {"hold_steps": "count!"} | _DECAY,
    "LRWarmupExponentialDecay": _WARM | {"hold_steps": "count!"} | _EXPONENTIAL,
    "LRWarmupStepDecay": _WARM | _STEP,
    "LRWarmupCosineDecay": _WARM | {"hold_steps": "count!"} | _DECAY,
    "LRWarmupPolynomialDecay": _WARM | {"hold_steps": "count!"} | _DECAY | {"power": "number"},
}

_CHECKPOINTS = (
    "checkpoints, which are built in",
    "any other callback of Keras",
    "last_trained_model.h5 is written after each epoch",
)
REFUSED: Mapping[str, tuple[str, str, str]] = {
    "LearningRateScheduler": (
        "a schedule written as code, which is not run",
        ", ".join(SCHEDULERS),
        "LRPiecewiseConstantDecay holds any list of rates",
    ),
    "LambdaCallback": ("code, which is not run", "any other callback of Keras", ""),
    "BackupAndRestore": _CHECKPOINTS,
    "OrbaxCheckpoint": _CHECKPOINTS,
}
"""Callbacks of Keras that a config cannot have: what they are, what is accepted, a hint."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e38


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "number": ("a number", _is_number),
    "rate": ("a number from 0", lambda v: _is_number(v) and v >= 0),
    "share": ("a number from 0 to 1", lambda v: _is_number(v) and 0 <= v <= 1),
    "below one": ("a number from 0 to below 1", lambda v: _is_number(v) and 0 <= v < 1),
    "whole": ("a whole number from 1", lambda v: _is_whole(v) and v >= 1),
    "count": ("a whole number from 0", lambda v: _is_whole(v) and v >= 0),
    "truth": ("True or False", lambda v: isinstance(v, bool)),
    "text": ("text", lambda v: isinstance(v, str)),
    "texts": (
        "a list of texts",
        lambda v: isinstance(v, list | tuple) and all(isinstance(item, str) for item in v),
    ),
    "numbers": (
        "a list of numbers",
        lambda v: isinstance(v, list | tuple) and all(map(_is_number, v)),
    ),
    "mapping": ("a mapping", lambda v: isinstance(v, dict)),
    "mode": ("auto, min, max", lambda v: v in ("auto", "min", "max")),
    "figure": (", ".join(FIGURES), lambda v: v in FIGURES),
}


def problems(training: Training) -> list[Problem]:
    """List what Keras would refuse in `training.optimizer` and `training.callbacks`."""
    ((name, settings),) = training.optimizer.items()
    found = _of("training.optimizer", name, settings, OPTIMIZERS)
    clips = [key for key in ("clipnorm", "clipvalue", "global_clipnorm") if settings.get(key)]
    if len(clips) > 1:
        found.append(
            Problem(f"training.optimizer.{name}", " and ".join(clips), "one of these at most")
        )
    for name, settings in training.callbacks.items():
        found += _callback(name, settings)
    return found


def _callback(name: str, settings: Mapping[str, Any]) -> list[Problem]:
    path = f"training.callbacks.{name}"
    if name in REFUSED:
        return [Problem(path, *REFUSED[name])]
    known = {**CALLBACKS, **SCHEDULERS, "ModelCheckpoint": _MONITORED, "TensorBoard": {}}
    if name in SCHEDULERS:
        known[name] = {**SCHEDULERS[name], "verbose": "any"}
        settings = {key: value for key, value in settings.items() if key != "verbose"}
    found = _of("training.callbacks", name, settings, known)
    if name in ("EarlyStopping", "ReduceLROnPlateau"):
        monitored = settings.get("monitor", "val_loss"), settings.get("mode", "auto")
        if monitored == ("learning_rate", "auto"):
            found.append(Problem(f"{path}.mode", "auto", "min or max, with learning_rate"))
    return found


def _of(
    section: str, name: str, settings: Mapping[str, Any], known: Mapping[str, Arguments]
) -> list[Problem]:
    if name not in known:
        names = sorted(known)
        hint = _near(name, names)
        return [Problem(f"{section}.{name}", "an unknown name", ", ".join(names), hint)]
    arguments, path = known[name], f"{section}.{name}"
    found = []
    for key, value in settings.items():
        if key not in arguments:
            accepted = ", ".join(arguments) or "no arguments"
            found.append(
                Problem(
                    f"{path}.{key}", "an unknown argument", accepted, _near(key, list(arguments))
                )
            )
        elif problem := _wrong(f"{path}.{key}", value, arguments[key]):
            found.append(problem)
    missing = [key for key, kind in arguments.items() if kind.endswith("!") and key not in settings]
    if missing:
        found.append(Problem(path, f"no {', '.join(missing)}", ", ".join(arguments)))
    return found


def _wrong(path: str, value: Any, kind: str) -> Problem | None:
    if value is None and kind.endswith("?"):
        return None
    accepted, holds = _KINDS[kind.rstrip("?!")]
    if holds(value):
        return None
    hint = _near(value, FIGURES) if kind == "figure" and isinstance(value, str) else ""
    return Problem(path, repr(value)[:80], accepted, hint)


def _near(word: str, names: Sequence[str]) -> str:
    """Return a hint at the likeliest name; one that differs in its case alone comes first."""
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), list(folded), n=1)
    best = folded.get(word.lower()) or (folded[close[0]] if close else None)
    return f"did you mean `{best}`?" if best else ""
