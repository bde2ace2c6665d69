"""What comes into a picture from outside, when it is moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2

from poseline.config.models.augmentation_steps import RandomRotation
from poseline.config.models.base import Section
from poseline.config.models.preprocessing import Rescaling
from poseline.data.augment.scene import GREY

_BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "wrap": cv2.BORDER_WRAP,
    "reflect": cv2.BORDER_REFLECT,
    "nearest": cv2.BORDER_REPLICATE,
}


@dataclass(frozen=True)
class Filling:
    """How the parts of a picture are filled that it does not cover.

    Attributes:
        mode: As `RandomRotation.fill_mode`.
        value: Pixel value in [0, 255] of `constant`.
    """

    mode: Literal["constant", "wrap", "reflect", "nearest"] = "constant"
    value: int = GREY

    @property
    def border(self) -> int:
        """OpenCV's name of the mode."""
        return _BORDERS[self.mode]

    @property
    def colour(self) -> tuple[int, int, int, int]:
        """The value in every channel; alpha is opaque."""
        return (self.value, self.value, self.value, 255)


DEFAULT = Filling()


def filling_of(step: Section, rescaling: Rescaling) -> Filling:
    """Return what a movement fills with; `fill_value` counts after rescaling."""
    if not isinstance(step, RandomRotation):
        return DEFAULT
    if step.fill_mode != "constant":
        return Filling(step.fill_mode)
    if step.fill_value is None:
        return DEFAULT
    pixel = round((step.fill_value - rescaling.offset) / rescaling.scale)
    return Filling(value=min(max(pixel, 0), 255))
