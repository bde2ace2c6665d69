"""`data_augmentation`: random changes of the training pictures, applied in the order written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from poseline.config.rules import Rule, also, unit
from poseline.config.section import Integer, Number, Section, Tuple
from poseline.config.values import parse_value

Probability = Annotated[Number, Field(ge=0, le=1)]


def _symmetric(value: Any) -> Any:
    """Read a single factor f as (-f, f)."""
    value = parse_value(value) if isinstance(value, str) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return (-abs(value), abs(value))


def _window(value: Any) -> Any:
    """Read a single size n as (n, n)."""
    value = parse_value(value) if isinstance(value, str) else value
    return (value, value) if isinstance(value, int) else value


_ORDERED = Rule(
    "the first value must not be above the second",
    lambda pair: pair[0] <= pair[1],
    "size(self) != 2 || self[0] <= self[1]",
)
_MULTIPLES = Rule(
    "each size must be a multiple of 32",
    lambda sizes: all(side % 32 == 0 for size in sizes for side in size),
    "self.all(size, size.all(side, side % 32 == 0))",
)

Share = Annotated[float, Field(ge=-1, le=1)]
Zoom = Annotated[float, Field(ge=-4, le=0.9)]
Pixels = Annotated[int, Field(ge=1, le=64)]
Side = Annotated[int, Field(ge=32, le=2048)]
Factor = Annotated[
    tuple[Share, Share], Tuple, BeforeValidator(_symmetric), _ORDERED, also("number")
]
ZoomFactor = Annotated[
    tuple[Zoom, Zoom], Tuple, BeforeValidator(_symmetric), _ORDERED, also("number")
]
Window = Annotated[
    tuple[Pixels, Pixels], Tuple, BeforeValidator(_window), _ORDERED, also("number"), unit("px")
]
Size = Annotated[tuple[Side, Side], Tuple]


class RandomContrast(Section):
    """Scale the distance of each value from the picture's mean by a factor in 1 ± `factor`."""

    factor: Annotated[Number, Field(ge=0, le=1)] = 0.4
    """Largest relative change."""
    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomBrightness(Section):
    """Add a value in ± `factor` · full range to every pixel."""

    factor: Annotated[Number, Field(ge=0, le=1)] = 0.3
    """Largest change as a share of the full range."""
    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomBlur(Section):
    """Average over a window of random size."""

    filter_size: Window = (2, 4)
    """Smallest and largest window in pixels; an int n means (n, n)."""
    change_rate: Probability = 0.5
    """Share of the pictures that are changed."""


class RandomFlip(Section):
    """Mirror the picture; left and right keypoints change places."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"
    """Direction."""
    change_rate: Probability = 0.5
    """Share of the pictures that are changed."""


class RandomRotation(Section):
    """Rotate around the picture's centre; what comes in from outside is grey."""

    factor: Annotated[Factor, unit("turns")] = (-0.1, 0.1)
    """Least and largest angle in turns: 0.1 is 36 degrees, positive is counter-clockwise. A
    number f means (-f, f)."""
    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomTranslation(Section):
    """Shift the picture; what comes in from outside is grey."""

    width_factor: Factor = (-0.1, 0.1)
    """Least and largest shift as a share of the width. A number f means (-f, f)."""
    height_factor: Factor = (-0.1, 0.1)
    """Least and largest shift as a share of the height. A number f means (-f, f)."""
    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomZoom(Section):
    """Scale around the centre; what comes in from outside is grey."""

    factor: ZoomFactor = (-0.2, 0.2)
    """Least and largest change of scale: -0.2 shows a fifth more, 0.2 a fifth less of the scene.
    A number f means (-f, f)."""
    change_rate: Probability = 1.0
    """Share of the pictures that are changed."""


class RandomPeriodicResizing(Section):
    """Train at another input size from time to time."""

    image_sizes: Annotated[
        tuple[Size, ...], Tuple, Field(min_length=1, max_length=32), _MULTIPLES, unit("px")
    ]
    """Heights and widths to draw from; each a multiple of 32."""
    period: Annotated[Integer, Field(ge=1, le=1_000_000), unit("batches")] = 10
    """Batches between two draws."""


class Augmentation(Section):
    """One step: exactly one function with its settings."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    random_contrast: RandomContrast | None = None
    """Change the contrast."""
    random_brightness: RandomBrightness | None = None
    """Change the brightness."""
    random_blur: RandomBlur | None = None
    """Blur."""
    random_flip: RandomFlip | None = None
    """Mirror."""
    random_rotation: RandomRotation | None = None
    """Rotate."""
    random_translation: RandomTranslation | None = None
    """Shift."""
    random_zoom: RandomZoom | None = None
    """Scale."""
    random_periodic_resizing: RandomPeriodicResizing | None = None
    """Change the training size."""

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, data: Any) -> Any:
        """Read `random_flip:` without settings as the step with its defaults."""
        if isinstance(data, dict):
            return {k: {} if v is None and len(data) == 1 else v for k, v in data.items()}
        return data

    @model_validator(mode="after")
    def _one_function(self) -> Augmentation:
        if len(self.named) != 1:
            raise ValueError("a step has exactly one function")
        return self

    @model_serializer(mode="wrap")
    def _function_alone(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    @property
    def named(self) -> dict[str, Section]:
        """The function's name and settings; one entry."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name))}


def in_order(data: Any) -> Any:
    """Read the document's mapping as the list of its steps.

    The list is the normal form, since JSON objects do not keep their order in Kubernetes.
    """
    if isinstance(data, dict):
        return [{name: settings} for name, settings in data.items()]
    return data


Augmentations = Annotated[
    tuple[Augmentation, ...], BeforeValidator(in_order), Field(max_length=32), also("mapping")
]
"""Steps in order; a mapping of function to settings, or a list of such mappings."""
