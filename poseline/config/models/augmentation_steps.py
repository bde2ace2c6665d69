"""The functions of `data_augmentation`, with their settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Number, Section, Tuple
from poseline.config.models.constraints import Rule, unit
from poseline.config.models.ranges import (
    Bits,
    Count,
    Factor,
    Gamma,
    Noise,
    Part,
    Ratio,
    Shear,
    Strength,
    Window,
    Zoom,
)

Probability = Annotated[Number, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=32, le=2048)]
Size = Annotated[tuple[Side, Side], Tuple]
_MULTIPLES = Rule(
    "each size must be a multiple of 32",
    lambda sizes: all(side % 32 == 0 for size in sizes for side in size),
    "self.all(size, size.all(side, side % 32 == 0))",
)
Reference = Literal["picture", "person"]


class PictureStep(Section):
    """What every function of single pictures has."""

    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomContrast(PictureStep):
    """Scale the distance of each value from the picture's mean by 1 + `factor`."""

    factor: Factor = (-0.4, 0.4)
    """Least and largest relative change. A number f means (-f, f)."""


class RandomBrightness(PictureStep):
    """Add `factor` · full range to every value."""

    factor: Factor = (-0.3, 0.3)
    """Least and largest change as a share of the full range. A number f means (-f, f)."""


class RandomGamma(PictureStep):
    """Raise every value, as a share of the full range, to the power of `gamma`."""

    gamma: Gamma = (0.7, 1.4)
    """Least and largest exponent; above 1 is darker. A number means itself."""


class RandomHue(PictureStep):
    """Turn the hue; not for grayscale."""

    delta: Factor = (-0.05, 0.05)
    """Least and largest change as a share of the colour circle. A number f means (-f, f)."""


class RandomSaturation(PictureStep):
    """Add to the saturation; not for grayscale."""

    delta: Factor = (-0.2, 0.2)
    """Least and largest change as a share of the full range. A number f means (-f, f)."""


class RandomValue(PictureStep):
    """Add to the value, the V of HSV; not for grayscale."""

    delta: Factor = (-0.2, 0.2)
    """Least and largest change as a share of the full range. A number f means (-f, f)."""


class RandomHsv(PictureStep):
    """Change hue, saturation and value at once; not for grayscale."""

    hue_delta: Factor = (-0.05, 0.05)
    """As in `random_hue`."""
    saturation_delta: Factor = (-0.2, 0.2)
    """As in `random_saturation`."""
    value_delta: Factor = (-0.2, 0.2)
    """As in `random_value`."""


class RandomRgbToHsv(PictureStep):
    """Put hue, saturation and value in the place of red, green and blue; not for grayscale."""

    change_rate: Probability = 0.25
    """Share of the pictures that are changed."""


class RandomRgbToGrayscale(PictureStep):
    """Take the colours away, the channels stay."""

    change_rate: Probability = 0.25
    """Share of the pictures that are changed."""


class RandomSharpness(PictureStep):
    """Add `factor` times what a blur takes away."""

    factor: Strength = (0.0, 2.0)
    """Least and largest amount; 0 changes nothing. A number f means (0, f)."""


class RandomPosterize(PictureStep):
    """Keep the upper bits of every value alone."""

    bits: Bits = (4, 7)
    """Fewest and most bits that are kept. A number means itself."""


class RandomInvert(PictureStep):
    """Turn every value around: 255 becomes 0."""

    change_rate: Probability = 0.25
    """Share of the pictures that are changed."""


class RandomSolarize(PictureStep):
    """Turn the values above a random threshold around."""

    change_rate: Probability = 0.25
    """Share of the pictures that are changed."""


class RandomAutocontrast(PictureStep):
    """Stretch the values to the full range."""

    cutoff: Annotated[Number, Field(ge=0, lt=50), unit("%")] = 10
    """Share of the darkest and of the lightest values that is cut off first."""
    change_rate: Probability = 0.25
    """Share of the pictures that are changed."""


class RandomBlur(PictureStep):
    """Average over a window of random size."""

    filter_size: Window = (2, 4)
    """Smallest and largest window in pixels; an int n means (n, n)."""
    change_rate: Probability = 0.5
    """Share of the pictures that are changed."""


class RandomGaussianNoise(PictureStep):
    """Add noise to every value."""

    stddev: Noise = (0.01, 0.05)
    """Least and largest standard deviation as a share of the full range. A number f means
    (0, f)."""
    change_rate: Probability = 0.5
    """Share of the pictures that are changed."""


class RandomRectangleErasing(PictureStep):
    """Paint rectangles over, each in a random colour; the keypoints below stay labelled."""

    nrec: Count = (1, 1)
    """Fewest and most rectangles. A number means itself."""
    area: Part = (0.05, 0.4)
    """Least and largest area as a share of the picture. A number means itself."""
    wh_ratio: Ratio = (0.3, 2.0)
    """Least and largest width over height. A number means itself."""


class RandomCrop(PictureStep):
    """Cut a part out and bring it to the picture's size."""

    crop_center_x: Part = (0.25, 0.75)
    """Least and largest centre as a share of the width. A number means itself."""
    crop_center_y: Part = (0.25, 0.75)
    """Least and largest centre as a share of the height. A number means itself."""
    crop_width: Part = (0.6, 0.9)
    """Least and largest width as a share of the picture's. A number means itself."""
    crop_height: Part = (0.6, 0.9)
    """Least and largest height as a share of the picture's. A number means itself."""
    change_rate: Probability = 0.9
    """Share of the pictures that are changed."""


class RandomFlip(PictureStep):
    """Mirror the picture; left and right keypoints change places."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"
    """Direction."""
    change_rate: Probability = 0.5
    """Share of the pictures that are changed."""


class RandomRotation(PictureStep):
    """Rotate around the picture's centre."""

    factor: Annotated[Factor, unit("turns")] = (-0.1, 0.1)
    """Least and largest angle in turns: 0.1 is 36 degrees, positive is counter-clockwise. A
    number f means (-f, f)."""
    fill_mode: Literal["constant", "wrap", "reflect", "nearest"] = "constant"
    """What comes in from outside: `constant` is `fill_value`, `wrap` the picture from its other
    side, `reflect` the picture mirrored at its edge, `nearest` the edge drawn out."""
    fill_value: Annotated[Number, Field(ge=-1000, le=1000)] | None = None
    """Value after rescaling of what `constant` fills: -1 is black with scale 1/127.5 and offset
    -1. Not set: grey."""


class RandomTranslation(PictureStep):
    """Shift the picture; what comes in from outside is grey."""

    width_factor: Factor = (-0.1, 0.1)
    """Least and largest shift as a share of the width. A number f means (-f, f)."""
    height_factor: Factor = (-0.1, 0.1)
    """Least and largest shift as a share of the height. A number f means (-f, f)."""
    relative_to: Reference = "picture"
    """Whose width and height the shares are of: the `picture`'s, or those of the `person`'s box."""


class RandomShear(PictureStep):
    """Shear along both axes, each by its own angle; what comes in from outside is grey."""

    factor: Shear = (-0.2, 0.2)
    """Least and largest angle. A number f means (-f, f)."""


class RandomShearX(PictureStep):
    """Shear along the x axis; what comes in from outside is grey."""

    factor: Shear = (-0.2, 0.2)
    """Least and largest angle. A number f means (-f, f)."""


class RandomShearY(PictureStep):
    """Shear along the y axis; what comes in from outside is grey."""

    factor: Shear = (-0.2, 0.2)
    """Least and largest angle. A number f means (-f, f)."""


class RandomZoom(PictureStep):
    """Scale around a centre; what comes in from outside is grey."""

    width_factor: Zoom = (-0.2, 0.2)
    """Least and largest change of what is seen: 0.2 shows a fifth more, -0.2 a fifth less. A
    number f means (-f, f)."""
    height_factor: Zoom | None = None
    """The same for the height; not set: as the width, so that nothing is distorted."""
    relative_to: Reference = "picture"
    """Which centre stays where it is: the `picture`'s, or that of the `person`'s box."""


class RandomPeriodicResizing(Section):
    """Train at another input size from time to time."""

    image_sizes: Annotated[
        tuple[Size, ...], Tuple, Field(min_length=1, max_length=32), _MULTIPLES, unit("px")
    ]
    """Heights and widths to draw from; each a multiple of 32."""
    period: Annotated[Integer, Field(ge=1, le=1_000_000)] = 10
    """Batches or epochs between two draws."""
    period_unit: Literal["batches", "epochs"] = "batches"
    """What `period` counts."""
