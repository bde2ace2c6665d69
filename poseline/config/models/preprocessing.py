"""`preprocessing` and `postprocessing`: from a picture to the input, from the output to poses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Number, Section

Interpolation = Literal[
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
]
AspectRatio = Literal["fit", "padding"]
ColorMode = Literal["grayscale", "rgb", "rgba"]
Decoding = Literal["argmax", "quadratic", "dark"]


class Rescaling(Section):
    """Out = scale · In + offset, In in [0, 255]."""

    scale: Annotated[Number, Field(gt=0, le=1000)] = 1 / 127.5
    """Factor; `1/127.5` maps to [-1, 1] with offset -1, `1/255` to [0, 1] with offset 0."""
    offset: Annotated[Number, Field(ge=-1000, le=1000)] = -1.0
    """What is added after scaling."""


class Resizing(Section):
    """How a picture gets the model's input size."""

    interpolation: Interpolation = "bilinear"
    """Resampling method, by TensorFlow's names."""
    aspect_ratio: AspectRatio = "fit"
    """`fit` distorts the picture to the input size; `padding` keeps its aspect ratio and pads."""


class Preprocessing(Section):
    """What is done to every picture, in training and after."""

    rescaling: Rescaling = Rescaling()
    """Value range of the input."""
    resizing: Resizing = Resizing()
    """Size of the input."""
    color_mode: ColorMode = "rgb"
    """Channels of the input: 1, 3 or 4."""


class Postprocessing(Section):
    """From the model's output to keypoints."""

    kpts_conf_thresh: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Keypoints below this confidence are drawn in red and without bones. Not set: 0.15; 0.25 for
    a model with a softmax, whose confidence is the probability of the 5x5 cells around the
    keypoint."""
    confidence_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.001
    """Least confidence of a detected person (yolo_mpe)."""
    NMS_thresh: Annotated[Number, Field(ge=0, le=1)] = 0.5
    """Boxes that overlap by more than this IoU are one person (yolo_mpe)."""
    max_detection_boxes: Annotated[Integer, Field(ge=1, le=1000)] = 20
    """Most persons in one picture (yolo_mpe)."""
    plot_metrics: bool = False
    """Draw the precision-recall curves too."""
    decoding: Decoding | None = None
    """Heatmap to coordinate: `argmax` (centre of the best cell), `quadratic` (parabola through
    its neighbours) or `dark` (Taylor expansion of the smoothed log-heatmap, arXiv:1910.06278).
    Not set: what the model's metadata says, else `argmax`."""
    flip_test: bool = False
    """Average with the mirrored picture's heatmaps: twice the work, a little more accuracy."""
