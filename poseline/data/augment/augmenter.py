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
    RandomFlip,
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
from poseline.config.models.preprocessing import Rescaling
from poseline.data.augment import colour, texture
from poseline.data.augment.filling import Filling, filling_of
from poseline.data.augment.geometric import Movement, draw, move, person_of
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

    def __init__(
        self,
        steps: Sequence[Augmentation],
        flip: Sequence[int],
        channels: int,
        rescaling: Rescaling | None = None,
    ) -> None:
        """Prepare the steps.

        Args:
            steps: The config's steps; `random_periodic_resizing` concerns whole batches and is
                passed over.
            flip: Mirror partner of each keypoint, `KeypointSet.flip`.
            channels: Channels of the pictures.
            rescaling: Which values a `fill_value` stands for; None: the config's default.

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
        self._fillings = [filling_of(step, rescaling or Rescaling()) for step in self._steps]

    def __call__(self, scene: Scene, generator: np.random.Generator) -> None:
        """Apply the steps in order.

        Consecutive movements are gathered and the picture is resampled once for all of them, as
        long as they fill alike; consecutive changes of value, too, are made in one pass.

        Args:
            scene: Changed in place; the arrays that it came with are not written to.
            generator: Source of every draw.
        """
        movements: list[Matrix] = []
        fillings: list[Filling] = []  # of the movements that are no flips
        tables: list[Table] = []

        def settle() -> None:
            if movements:
                move(scene, movements, self._flip, *fillings[:1])
                movements.clear()
                fillings.clear()
            if tables:
                recolour(scene, tables)
                tables.clear()

        for step, filling in zip(self._steps, self._fillings, strict=True):
            if generator.random() >= step.change_rate:
                continue
            kind = type(step)
            if isinstance(step, Movement):
                if tables or not _joins(step, filling, fillings):
                    settle()
                fillings += [] if isinstance(step, RandomFlip) else [filling]
                person = person_of(scene, movements)
                movements.append(draw(step, generator, scene.image.shape[:2], person))
            elif kind in BLIND:
                if movements:
                    settle()
                tables.append(BLIND[kind](step, generator))
            else:
                settle()  # a step that reads the picture sees it as the steps before left it
                if kind in SEEING:
                    tables.append(SEEING[kind](scene, step, generator))
                else:
                    _OTHERS[kind](scene, step, generator)
        settle()


def _joins(step: PictureStep, filling: Filling, fillings: Sequence[Filling]) -> bool:
    """Return whether a movement can be made in one pass with those before it.

    Colours that are alike are the same in one pass; a picture that is repeated outside has to be
    moved before it is repeated again.
    """
    if isinstance(step, RandomFlip) or not fillings:
        return True
    return filling.mode == "constant" and filling == fillings[0]
