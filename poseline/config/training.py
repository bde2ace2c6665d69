"""`training`: the model and how it learns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from poseline.config.section import Integer, Layers, Number, Section, Shape
from poseline.config.values import parse_value


def _by_name(value: Any) -> Any:
    """Read `Adam` as `{Adam: {}}`, empty settings as none, and textual values of settings."""
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, dict):
        return value
    return {
        name: {k: parse_value(v) if isinstance(v, str) else v for k, v in (settings or {}).items()}
        if isinstance(settings, dict | None)
        else settings
        for name, settings in value.items()
    }


def _multiple_of_32(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if any(side < 32 or side % 32 for side in shape[:2]):
        raise ValueError("height and width must be multiples of 32")
    if shape[2] not in (1, 3, 4):
        raise ValueError("the channels must be 1, 3 or 4")
    return shape


Named = Annotated[dict[str, dict[str, Any]], BeforeValidator(_by_name)]


class Model(Section):
    """A model made anew."""

    name: Literal["st_movenet_lightning_heatmaps"] = "st_movenet_lightning_heatmaps"
    """Architecture."""
    alpha: Annotated[Number, Field(ge=0.1, le=2)] = 1.0
    """Width multiplier of the MobileNetV2 backbone."""
    input_shape: Annotated[Shape, AfterValidator(_multiple_of_32)] = (192, 192, 3)
    """Height, width and channels of the input; height and width are multiples of 32."""
    pretrained_weights: str | None = "imagenet"
    """Backbone weights: `imagenet`, a path or a URI; `None` starts from random ones."""


class Heatmaps(Section):
    """The targets that a heatmap model is trained on."""

    target: Literal["gaussian", "one_hot"] = "gaussian"
    """`gaussian` draws a blob at the keypoint, `one_hot` sets its cell alone."""
    sigma: Annotated[Number, Field(gt=0, le=10)] = 1.0
    """Standard deviation of the blob in cells."""


class Training(Section):
    """Settings of a training."""

    model: Model | None = None
    """A new model; not with `general.model_path` or `resume_training_from`."""
    resume_training_from: str | None = None
    """`last_trained_model.h5` of an interrupted training, or its experiment directory."""
    batch_size: Annotated[Integer, Field(ge=1, le=65536)]
    """Pictures of one step."""
    epochs: Annotated[Integer, Field(ge=1)]
    """Passes over the training set."""
    optimizer: Named = Field(min_length=1, max_length=1)
    """A Keras optimizer by name, with its arguments: `Adam: {learning_rate: 0.001}`."""
    callbacks: Named = Field(default_factory=dict)
    """Keras callbacks or learning-rate schedulers by name, with their arguments. ModelCheckpoint
    may set `monitor` and `mode` alone; TensorBoard is built in."""
    frozen_layers: Layers | None = None
    """Layers that do not learn, as `(start:stop)`; `(0:-1)` leaves the last one trainable."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """Dropout rate before the last layer; not set: none."""
    trained_model_path: str | None = None
    """Where a copy of the best model is put."""
    heatmaps: Heatmaps = Heatmaps()
    """Training targets."""

    @model_validator(mode="after")
    def _one_source(self) -> Training:
        if self.model and self.resume_training_from:
            raise ValueError("`model` and `resume_training_from` exclude each other")
        return self

    @model_validator(mode="after")
    def _built_in_callbacks(self) -> Training:
        if "TensorBoard" in self.callbacks:
            raise ValueError("the TensorBoard callback is built in and cannot be redefined")
        extra = set(self.callbacks.get("ModelCheckpoint", {})) - {"monitor", "mode"}
        if extra:
            raise ValueError(
                "the ModelCheckpoint callback is built in; only `monitor` and `mode` can be set, "
                f"not {', '.join(sorted(extra))}"
            )
        return self
