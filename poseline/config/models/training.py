"""`training`: the model and how it learns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from poseline.config.models.base import Integer, Layers, Number, Section, Shape
from poseline.config.models.constraints import Rule, also, unit
from poseline.config.models.literals import parse_value


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


_SIDES = Rule(
    "height and width must be multiples of 32, from 32 to 2048",
    lambda shape: all(32 <= side <= 2048 and side % 32 == 0 for side in shape[:2]),
    "size(self) != 3 || self[0] >= 32 && self[0] <= 2048 && self[0] % 32 == 0 && "
    "self[1] >= 32 && self[1] <= 2048 && self[1] % 32 == 0",
)
_CHANNELS = Rule(
    "the channels must be 1, 3 or 4",
    lambda shape: shape[2] in (1, 3, 4),
    "size(self) != 3 || self[2] in [1, 3, 4]",
)


def _adam() -> dict[str, dict[str, Any]]:
    return {"Adam": {}}


FinalActivation = Literal["sigmoid", "softmax"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
Preset = Literal["best", "zoo2025", "zoo4"]
Named = Annotated[dict[str, dict[str, Any]], BeforeValidator(_by_name), also("string")]


class Model(Section):
    """A model made anew."""

    name: Literal["st_movenet_lightning_heatmaps"] = "st_movenet_lightning_heatmaps"
    """Architecture."""
    alpha: Annotated[Number, Field(ge=0.1, le=2)] = 1.0
    """Width multiplier of the MobileNetV2 backbone."""
    input_shape: Annotated[Shape, _SIDES, _CHANNELS, unit("px, px, channels")] = (192, 192, 3)
    """Height, width and channels of the input; height and width are multiples of 32."""
    pretrained_weights: str | None = "imagenet"
    """What the model starts from: `imagenet`, or the path or URI of a model or of weights as .h5 or
    .keras. Each layer takes the weights that the file has by its name and in its shape; the run's
    `pretrained_weights.csv` lists them. `None` starts from random ones."""
    final_activation: FinalActivation = "softmax"
    """`sigmoid` is trained with the squared error of each cell; `softmax` over the cells of a
    heatmap with categorical cross-entropy: its model puts out logits, and the softmax is taken
    when they are decoded."""


class Heatmaps(Section):
    """The targets that a heatmap model is trained on."""

    target: Literal["gaussian", "one_hot"] = "gaussian"
    """`gaussian` draws a blob at the keypoint, `one_hot` sets its cell alone."""
    sigma: Annotated[Number, Field(gt=0, le=10), unit("cells")] = 1.0
    """Standard deviation of the blob in cells."""


class Distillation(Section):
    """A trained model whose heatmaps are learned beside the labels, as a rule a larger one.

    It sees each picture as the model does that learns, with every random change; a step takes
    longer by its inference.
    """

    model: str
    """Path or URI of the teacher, a .h5 or .keras file: the same keypoints, input and
    `final_activation`."""
    weight: Annotated[Number, Field(gt=0, le=1)] = 0.5
    """w in (1 - w) · error against the labels + w · error against the teacher's heatmaps."""


class Training(Section):
    """Settings of a training. `batch_size` and `epochs` are mandatory in one."""

    rules = (
        Rule(
            "`model` and `resume_training_from` exclude each other",
            lambda t: not (t.model and t.resume_training_from),
            "!(has(self.model) && has(self.resume_training_from))",
        ),
        Rule(
            "the TensorBoard callback is built in and cannot be redefined",
            lambda t: "TensorBoard" not in t.callbacks,
            "!has(self.callbacks) || !('TensorBoard' in self.callbacks)",
        ),
        Rule(
            "the ModelCheckpoint callback is built in; only `monitor` and `mode` can be set",
            lambda t: set(t.callbacks.get("ModelCheckpoint", {})) <= {"monitor", "mode"},
        ),
    )

    preset: Preset = "best"
    """The recipe for what is left out of `model.final_activation`, `heatmaps.target`, `optimizer`,
    `callbacks` and `data_augmentation`: the `best` one that was measured on real people, or that
    of the vendor's zoo, of March 2025 or of version 4. What the config states is obeyed, and an
    optimizer of its own gets no callbacks; `poseline validate` prints what is added."""
    model: Model | None = None
    """A new model; not with `general.model_path` or `resume_training_from`."""
    resume_training_from: str | None = None
    """`last_trained_model.h5` of an interrupted training, or its experiment directory."""
    batch_size: Annotated[Integer, Field(ge=1, le=65536), unit("pictures")] = 64
    """Pictures of one step. Mandatory in a training."""
    epochs: Annotated[Integer, Field(ge=1, le=1_000_000)] = 1000
    """Passes over the training set, counted from the first one on a resume, too: a training of 8
    epochs that is resumed with 10 has two to go. Mandatory in a training."""
    optimizer: Annotated[Named, Field(min_length=1, max_length=1)] = Field(default_factory=_adam)
    """A Keras optimizer by name, with its arguments: `Adam: {learning_rate: 0.001}`; left out:
    that of `preset`."""
    callbacks: Annotated[Named, Field(max_length=32)] = Field(default_factory=dict)
    """Keras callbacks or learning-rate schedulers by name, with their arguments. ModelCheckpoint
    may set `monitor` and `mode` alone; TensorBoard is built in."""
    frozen_layers: Layers | None = None
    """Layers that do not learn, as Python indexes them: `(0:154)`, `(8, 110:121, -1)`; `(0:-1)`
    leaves the last one trainable."""
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """Dropout rate before the last layer; not set: none."""
    trained_model_path: str | None = None
    """Where a copy of the best model is put."""
    model_format: Literal["h5", "keras"] = "h5"
    """Format of the best model's file: `best_model.h5` or `best_model.keras`."""
    dryrun: Annotated[Integer, Field(ge=1, le=1_000_000), unit("batches")] | None = None
    """Most batches of an epoch, to try a training out; not set: all of them."""
    precision: Precision = "float32"
    """What a training step computes in. With `mixed_bfloat16` or `mixed_float16` activations and
    their gradients have 16 bits; weights, batch statistics and the loss stay float32, and so does
    the saved model. `mixed_float16` scales the loss. They are fast on GPUs and on CPUs with
    bfloat16 instructions, and slow on others."""
    jit_compile: bool = False
    """Whether XLA compiles the training step: a slow first step, faster ones on GPUs. Not with
    several workers."""
    trainer_name: str | None = None
    """Read for compatibility: there is one trainer."""
    heatmaps: Heatmaps = Heatmaps()
    """Training targets."""
    ema: Annotated[Number, Field(ge=0, lt=1)] | None = None
    """Momentum of a moving average of the weights, such as 0.999, which is what is validated and
    saved; in step t at most (1 + t) / (10 + t). Not set: the weights themselves. `use_ema` and
    `ema_momentum` of an optimizer mean the same."""
    distillation: Distillation | None = None
    """A teacher; not set: the labels alone."""
