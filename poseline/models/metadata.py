"""The sidecar of a model file: what a caller must know to feed it and to read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from poseline.config.models.general import ModelType
from poseline.config.models.preprocessing import AspectRatio, ColorMode, Decoding, Interpolation
from poseline.config.models.training import FinalActivation
from poseline.data.definitions import with_defaults
from poseline.data.keypoints import KeypointSet
from poseline.errors import ModelError
from poseline.store.manifest import write_atomic

_MAX_BYTES = 1 << 20


class ModelMetadata(BaseModel):
    """Written beside each model that poseline saves, as `<model file name>.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Architecture, such as st_movenet_lightning_heatmaps."""
    model_type: ModelType
    """What the output means."""
    keypoints: tuple[str, ...]
    """Names of the keypoints in order."""
    skeleton: tuple[tuple[int, int], ...]
    """Pairs of keypoint indices to draw a bone between."""
    sigmas: tuple[float, ...] = ()
    """OKS constant of each keypoint; empty: the default by its name."""
    pairs: tuple[tuple[int, int], ...] | None = None
    """Indices of left and right partners; None: by their names."""
    colours: tuple[str, ...] = ()
    """Colour of each keypoint as `#rrggbb`; empty: by left and right."""
    input_shape: tuple[int, int, int]
    """Height, width and channels."""
    output_shape: tuple[int, ...]
    """Shape of the output without the batch."""
    stride: int | None = None
    """Input pixels per heatmap cell."""
    final_activation: FinalActivation = "sigmoid"
    """What makes heatmaps of what the network computes last. With `softmax` the output is logits;
    their softmax over the cells of a heatmap is taken when they are decoded."""
    decoding: Decoding | None = None
    """How heatmaps are read best."""
    scale: float
    """Input = scale · pixel + offset, in real numbers; the quantized input's own scale and zero
    point are in the model file."""
    offset: float
    """See `scale`."""
    color_mode: ColorMode
    """Channels of the input."""
    interpolation: Interpolation
    """How pictures were resized in training."""
    aspect_ratio: AspectRatio
    """How pictures were fitted in training."""
    crop_margin: float | None = None
    """Margin of the persons' crops that the model was trained on, `dataset.crop_margin`; None: it
    was trained on whole pictures."""
    input_dtype: str = "float32"
    """Type of the input tensor."""
    output_dtype: str = "float32"
    """Type of the output tensor."""
    dataset: str = "<unnamed>"
    """Name of the training set."""
    dataset_hash: str = ""
    """Content hash of the training set."""
    config_hash: str = ""
    """sha256 of the config's training slice."""
    calibrated: bool | None = None
    """Quantized models: whether real pictures calibrated it; False means random data, and an
    unknown accuracy."""

    @model_validator(mode="after")
    def _check_points(self) -> ModelMetadata:
        _ = self.points
        return self

    @property
    def points(self) -> KeypointSet:
        """The keypoint set."""
        return with_defaults(self.keypoints, self.skeleton, self.sigmas, self.pairs, self.colours)

    def write(self, model: Path) -> None:
        """Write the sidecar of a model file."""
        write_atomic(sidecar_path(model), self.model_dump_json(indent=2) + "\n")


def keypoint_fields(points: KeypointSet) -> dict[str, Any]:
    """Return the fields of the metadata that describe a keypoint set."""
    return {
        "keypoints": points.names,
        "skeleton": points.skeleton,
        "sigmas": points.sigmas,
        "pairs": points.pairs,
        "colours": points.colours,
    }


def sidecar_path(model: Path) -> Path:
    """Return the path of a model file's sidecar."""
    return model.with_name(f"{model.name}.json")


def read_metadata(model: Path) -> ModelMetadata | None:
    """Read a model file's sidecar; None where it has none.

    Raises:
        ModelError: The sidecar is damaged.
    """
    path = sidecar_path(model)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"it has over {_MAX_BYTES:,} bytes")
        return ModelMetadata.model_validate_json(content)
    except (ValueError, OSError) as error:
        raise ModelError(
            f"{path} is not a model's metadata: {_fault(error)}", "remove or restore it"
        ) from None


def _fault(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
