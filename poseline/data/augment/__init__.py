"""Random changes of training pictures, with the keypoints and boxes moved along.

Steps run in the config's order on pixel values in [0, 255]. Each picture's draws come from its own
generator, so that they depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from poseline.config.augmentation import Augmentation
from poseline.data.augment.blur import blur
from poseline.data.augment.geometric import (
    Draw,
    draw_flip,
    draw_rotation,
    draw_translation,
    draw_zoom,
    move,
)
from poseline.data.augment.photometric import change_brightness, change_contrast
from poseline.data.augment.scene import Matrix, Scene

__all__ = ["Scene", "augment"]

_MOVES: dict[str, Draw] = {
    "random_flip": draw_flip,
    "random_rotation": draw_rotation,
    "random_translation": draw_translation,
    "random_zoom": draw_zoom,
}
_CHANGES: dict[str, Callable[[Scene, Any, np.random.Generator], None]] = {
    "random_contrast": change_contrast,
    "random_brightness": change_brightness,
    "random_blur": blur,
}


def augment(
    scene: Scene,
    steps: Sequence[Augmentation],
    flip: Sequence[int],
    generator: np.random.Generator,
) -> None:
    """Apply the steps to a scene, in order.

    Consecutive movements are gathered, and the picture is resampled once for all of them.
    `random_periodic_resizing` concerns whole batches and is passed over.

    Args:
        scene: Changed in place.
        steps: The config's steps.
        flip: Mirror partner of each keypoint, `KeypointSet.flip`.
        generator: Source of every draw.
    """
    movements: list[Matrix] = []
    for step in steps:
        ((name, settings),) = step.named.items()
        rate: float | None = getattr(settings, "change_rate", None)
        if rate is None or generator.random() >= rate:
            continue
        if name in _MOVES:
            movements.append(_MOVES[name](settings, generator, scene.image.shape[:2]))
            continue
        if movements:
            move(scene, movements, flip)
            movements = []
        _CHANGES[name](scene, settings, generator)
    if movements:
        move(scene, movements, flip)
