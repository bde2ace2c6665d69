"""Random changes of training pictures, with the keypoints and boxes moved along.

Steps run in the config's order on pixel values in [0, 255]. Each picture's draws come from its own
generator, so that they depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poseline.config.augmentation import (
    Augmentation,
    RandomBlur,
    RandomBrightness,
    RandomContrast,
)
from poseline.data.augment.blur import blur
from poseline.data.augment.geometric import Movement, draw, move
from poseline.data.augment.photometric import Table, brightness, contrast, recolour
from poseline.data.augment.scene import Matrix, Scene

__all__ = ["Augmenter", "Scene"]

PictureStep = Movement | RandomContrast | RandomBrightness | RandomBlur


class Augmenter:
    """The config's steps, ready to be applied to one scene after another."""

    def __init__(self, steps: Sequence[Augmentation], flip: Sequence[int]) -> None:
        """Prepare the steps.

        Args:
            steps: The config's steps; `random_periodic_resizing` concerns whole batches and is
                passed over.
            flip: Mirror partner of each keypoint, `KeypointSet.flip`.
        """
        settings = [next(iter(step.named.values())) for step in steps]
        self._steps = [s for s in settings if isinstance(s, PictureStep)]
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
            if isinstance(step, Movement):
                if tables:
                    settle()
                movements.append(draw(step, generator, scene.image.shape[:2]))
            elif isinstance(step, RandomBrightness):
                if movements:
                    settle()
                tables.append(brightness(step, generator))
            else:
                settle()  # contrast looks at the picture, a blur changes it
                if isinstance(step, RandomContrast):
                    tables.append(contrast(scene, step, generator))
                else:
                    blur(scene, step, generator)
        settle()
