"""Random changes of training pictures, with the keypoints and boxes moved along.

Steps run in the config's order on pixel values in [0, 255]. Each picture's draws come from its own
generator, so that they depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from poseline.config.models.augmentation import Augmentation
from poseline.config.models.augmentation_steps import (
    PictureStep,
    RandomBlur,
    RandomGaussianNoise,
    RandomHsv,
    RandomHue,
    RandomRectangleErasing,
    RandomRgbToGrayscale,
    RandomRgbToHsv,
    RandomSaturation,
    RandomSharpness,
    RandomValue,
)
from poseline.data.augment import colour, texture
from poseline.data.augment.geometric import Movement, draw, move
from poseline.data.augment.photometric import BLIND, SEEING, Table, recolour
from poseline.data.augment.scene import Matrix, Scene
from poseline.errors import ConfigError, Problem

_OTHERS: dict[type, Callable[[Scene, Any, np.random.Generator], None]] = {
    RandomBlur: texture.blur,
    RandomSharpness: texture.sharpness,
    RandomGaussianNoise: texture.noise,
    RandomRectangleErasing: texture.erase,
    RandomRgbToGrayscale: colour.rgb_to_grayscale,
    RandomHue: colour.hue,
    RandomSaturation: colour.saturation,
    RandomValue: colour.value,
    RandomHsv: colour.hsv,
    RandomRgbToHsv: colour.rgb_to_hsv,
}
"""Steps that are neither a movement nor a table of values."""
_COLOURED = (RandomHue, RandomSaturation, RandomValue, RandomHsv, RandomRgbToHsv)


class Augmenter:
    """The config's steps, ready to be applied to one scene after another."""

    def __init__(self, steps: Sequence[Augmentation], flip: Sequence[int], channels: int) -> None:
        """Prepare the steps.

        Args:
            steps: The config's steps; `random_periodic_resizing` concerns whole batches and is
                passed over.
            flip: Mirror partner of each keypoint, `KeypointSet.flip`.
            channels: Channels of the pictures.

        Raises:
            ConfigError: A step needs colours and the pictures have none.
        """
        named = [next(iter(step.named.items())) for step in steps]
        if channels == 1:
            faults = [
                Problem(f"data_augmentation.{name}", "grayscale pictures", "rgb or rgba")
                for name, settings in named
                if isinstance(settings, _COLOURED)
            ]
            if faults:
                raise ConfigError(faults)
        self._steps = [s for _, s in named if isinstance(s, PictureStep)]
        self._flip = flip

    def __call__(self, scene: Scene, generator: np.random.Generator) -> None:
        """Apply the steps in order.

        Consecutive movements are gathered and the picture is resampled once for all of them;
        consecutive changes of value, too, are made in one pass.

        Args:
            scene: Changed in place; the arrays that it came with are not written to.
            generator: Source of every draw.
        """
        movements: list[Matrix] = []
        tables: list[Table] = []

        def settle() -> None:
            if movements:
                move(scene, movements, self._flip)
                movements.clear()
            if tables:
                recolour(scene, tables)
                tables.clear()

        for step in self._steps:
            if generator.random() >= step.change_rate:
                continue
            kind = type(step)
            if isinstance(step, Movement):
                if tables:
                    settle()
                movements.append(draw(step, generator, scene.image.shape[:2]))
            elif kind in BLIND:
                if movements:
                    settle()
                tables.append(BLIND[kind](step, generator))
            else:
                settle()  # what looks at the picture sees it as it is at its turn
                if kind in SEEING:
                    tables.append(SEEING[kind](scene, step, generator))
                else:
                    _OTHERS[kind](scene, step, generator)
        settle()
