"""`data_augmentation`: random changes of the training pictures, applied in the order written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from poseline.config.models.augmentation_steps import (
    RandomAutocontrast,
    RandomBlur,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomGamma,
    RandomGaussianNoise,
    RandomHsv,
    RandomHue,
    RandomInvert,
    RandomPeriodicResizing,
    RandomPosterize,
    RandomRectangleErasing,
    RandomRgbToGrayscale,
    RandomRgbToHsv,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomShear,
    RandomShearX,
    RandomShearY,
    RandomSolarize,
    RandomTranslation,
    RandomValue,
    RandomZoom,
)
from poseline.config.models.base import Section
from poseline.config.models.constraints import also


class Augmentation(Section):
    """One step: exactly one function with its settings."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    random_contrast: RandomContrast | None = None
    """Change the contrast."""
    random_brightness: RandomBrightness | None = None
    """Change the brightness."""
    random_gamma: RandomGamma | None = None
    """Change the gamma."""
    random_hue: RandomHue | None = None
    """Turn the hue."""
    random_saturation: RandomSaturation | None = None
    """Change the saturation."""
    random_value: RandomValue | None = None
    """Change the value."""
    random_hsv: RandomHsv | None = None
    """Change hue, saturation and value."""
    random_rgb_to_hsv: RandomRgbToHsv | None = None
    """HSV in the place of RGB."""
    random_rgb_to_grayscale: RandomRgbToGrayscale | None = None
    """Take the colours away."""
    random_sharpness: RandomSharpness | None = None
    """Sharpen."""
    random_posterize: RandomPosterize | None = None
    """Keep fewer bits."""
    random_invert: RandomInvert | None = None
    """Turn the values around."""
    random_solarize: RandomSolarize | None = None
    """Turn high values around."""
    random_autocontrast: RandomAutocontrast | None = None
    """Stretch the contrast."""
    random_blur: RandomBlur | None = None
    """Blur."""
    random_gaussian_noise: RandomGaussianNoise | None = None
    """Add noise."""
    random_rectangle_erasing: RandomRectangleErasing | None = None
    """Paint rectangles over."""
    random_crop: RandomCrop | None = None
    """Cut a part out."""
    random_flip: RandomFlip | None = None
    """Mirror."""
    random_rotation: RandomRotation | None = None
    """Rotate."""
    random_translation: RandomTranslation | None = None
    """Shift."""
    random_shear: RandomShear | None = None
    """Shear."""
    random_shear_x: RandomShearX | None = None
    """Shear along x."""
    random_shear_y: RandomShearY | None = None
    """Shear along y."""
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
