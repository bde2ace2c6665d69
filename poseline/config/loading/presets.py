"""`training.preset`: the recipe that stands in for the keys that a training leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from poseline.config.models.augmentation import Augmentation
from poseline.config.models.config import Config
from poseline.config.models.training import Preset, Training

Recipe = Callable[[Training], dict[str, Any]]
_PLATEAU = {"monitor": "val_oks", "mode": "max"}


def additions(config: Config) -> dict[str, Any]:
    """Return what the preset of a config adds: values by their dotted keys.

    What the config says itself is left alone. An optimizer of its own keeps its learning rate: no
    callback is added to it.

    Args:
        config: A config as it was written, with the defaults of the other keys.
    """
    training = config.training
    if training is None or "train" not in config.stages:
        return {}
    recipe = _RECIPES[training.preset](training)
    if "optimizer" in training.model_fields_set:
        recipe.pop("training.callbacks")
    if not training.model:  # one that is there keeps what it puts out
        recipe.pop("training.model.final_activation")
    if not _mirrors(config):
        steps = recipe["data_augmentation"]
        recipe["data_augmentation"] = tuple(step for step in steps if not step.random_flip)
    return {key: value for key, value in recipe.items() if not _is_stated(config, key)}


def completed(config: Config) -> Config:
    """Return a config with what its preset adds."""
    for key, value in additions(config).items():
        config = _with(config, key.split("."), value)
    return config


def _with(section: Any, names: list[str], value: Any) -> Any:
    name, *inner = names
    if inner:
        value = _with(getattr(section, name), inner, value)
    return section.model_copy(update={name: value})


def _is_stated(config: Config, key: str) -> bool:
    section: Any = config
    for name in key.split("."):
        if section is None or name not in section.model_fields_set:
            return False
        section = getattr(section, name)
    return True


def _mirrors(config: Config) -> bool:
    """Return whether a mirrored picture is known to swap the right keypoints.

    Points of a user's own may have partners that only the set names, or that nothing names.
    """
    points = config.dataset.keypoints
    return isinstance(points, int) or bool(points and points.pairs)


def _augmentation(rotation: float, **fill: Any) -> tuple[Augmentation, ...]:
    steps: list[dict[str, Any]] = [
        {"random_contrast": {"factor": 0.4}},
        {"random_brightness": {"factor": 0.3}},
        {"random_flip": {"mode": "horizontal"}},
        {"random_rotation": {"factor": rotation, **fill}},
    ]
    return tuple(map(Augmentation.model_validate, steps))


def _best(training: Training) -> dict[str, Any]:
    """Softmax over the cells, AdamW, warm-up and half a cosine (benchmarks/recipes.py)."""
    rate = 5e-3 * math.sqrt(max(training.batch_size, 64) / 64)  # Adam's rule: arXiv:2205.10287
    if not (training.model or training.resume_training_from):
        rate /= 10  # fine-tuning keeps what was learned
    rate = float(f"{min(rate, 0.02):.2g}")
    warm = min(max(round(0.03 * training.epochs), 1), training.epochs - 1)
    return {
        "training.model.final_activation": "softmax",
        "training.heatmaps.target": "gaussian",
        "training.optimizer": {"AdamW": {"learning_rate": rate, "weight_decay": 0.01}},
        "training.callbacks": {
            "LRWarmupCosineDecay": {
                "initial_lr": float(f"{rate / 10:.2g}"),
                "max_lr": rate,
                "warmup_steps": warm,
                "hold_steps": 0,
                "decay_steps": max(training.epochs - warm, 1),
                "end_lr": float(f"{rate / 100:.2g}"),
            }
        },
        "data_augmentation": _augmentation(0.1),
    }


def _zoo_2025(_: Training) -> dict[str, Any]:
    """As the model zoo of March 2025 trains: its pose configs, and its loss."""
    return {
        "training.model.final_activation": "sigmoid",
        "training.heatmaps.target": "one_hot",
        "training.optimizer": {"Adam": {"learning_rate": 0.01}},
        "training.callbacks": {"ReduceLROnPlateau": _PLATEAU | {"factor": 0.25, "patience": 5}},
        "data_augmentation": _augmentation(0.1),
    }


def _zoo_4(_: Training) -> dict[str, Any]:
    """As the zoo's version 4 trains the models whose figures it publishes."""
    return {
        "training.model.final_activation": "softmax",
        "training.heatmaps.target": "one_hot",
        "training.optimizer": {"Adam": {"learning_rate": 5e-4}},
        "training.callbacks": {
            "ReduceLROnPlateau": _PLATEAU | {"factor": 0.5, "patience": 30, "min_delta": 1e-4},
            "EarlyStopping": _PLATEAU | {"patience": 45, "min_delta": 1e-4},
        },
        "data_augmentation": _augmentation(0.2, fill_mode="constant", fill_value=-1),
    }


_RECIPES: dict[Preset, Recipe] = {"best": _best, "zoo2025": _zoo_2025, "zoo4": _zoo_4}
