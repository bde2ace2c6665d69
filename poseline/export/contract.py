"""What the code on the chip must know of a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseline.boards.graph import read_graph
from poseline.boards.tflm import inspect
from poseline.boards.tflm_operators import used
from poseline.config.models.config import Config
from poseline.config.models.general import ModelType
from poseline.config.models.preprocessing import ColorMode, Decoding, Postprocessing, Preprocessing
from poseline.data.keypoints import KeypointSet
from poseline.errors import ModelError
from poseline.runtime.litert import LiteRTRuntime
from poseline.runtime.pose_decoder import Decoder
from poseline.runtime.tflm import Arena

Array = np.ndarray[Any, Any]
RESIZED = ("nearest", "bilinear", "area")
"""Interpolations that the C code has."""


@dataclass(frozen=True)
class Tensor:
    """An input or output: its shape without the batch, its type, and value = scale · (q − zero)."""

    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """How many values it has."""
        return int(np.prod(self.shape))

    @property
    def is_float(self) -> bool:
        """Whether it holds real numbers as they are."""
        return self.dtype == "float32"


@dataclass(frozen=True)
class Contract:
    """A model and how it is fed and read.

    Attributes:
        name: Of the project.
        version: Version of poseline that made it.
        sha256: Of the .tflite file.
        model_type: What the output means.
        input: (height, width, channels).
        input_table: The input tensor's value for each level of a pixel: (256,).
        output: The tensor that holds the poses.
        output_index: Its place among the outputs.
        keypoints: Names, bones and OKS constants.
        preprocessing: As in training.
        postprocessing: Thresholds.
        decoding: How heatmaps are read.
        logits: Whether the softmax of a heatmap's cells makes likelihoods.
        threshold: Confidence below which a keypoint does not count.
        operators: LiteRT's names of the operators.
        arena: Memory in TFLM.
    """

    name: str
    version: str
    sha256: str
    model_type: ModelType
    input: Tensor
    input_table: Array
    output: Tensor
    output_index: int
    keypoints: KeypointSet
    preprocessing: Preprocessing
    postprocessing: Postprocessing
    decoding: Decoding
    logits: bool
    threshold: float
    operators: tuple[str, ...]
    arena: Arena

    @property
    def color_mode(self) -> ColorMode:
        """Channels of the input."""
        return self.preprocessing.color_mode


def contract_of(config: Config, model: Path, version: str) -> Contract:
    """Return the contract of a model.

    Args:
        config: Its `general`, `dataset.keypoints`, `preprocessing` and `postprocessing` count.
        model: A .tflite file.
        version: Version of poseline.

    Raises:
        ModelError: TFLM does not run the model, or its outputs do not fit what the config declares.
    """
    method = config.preprocessing.resizing.interpolation
    if method not in RESIZED:
        raise ModelError(
            f"the C code does not resize by {method}",
            f"train and export with preprocessing.resizing.interpolation {' or '.join(RESIZED)}",
        )
    runtime = LiteRTRuntime(model)
    arena = inspect(model)
    if isinstance(arena, str):
        raise ModelError(f"{model.name} cannot be exported: {arena}", "export a model for TFLM")
    decoder = Decoder(runtime, config)
    place = decoder.place(runtime.predict(np.zeros((1, *runtime.input_shape), np.float32)))
    scale, zero = runtime.input_quantization
    output_scale, output_zero = runtime.output_quantizations[place]
    content = model.read_bytes()
    return Contract(
        name=config.general.project_name,
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
        model_type=config.general.model_type,
        input=Tensor(runtime.input_shape, runtime.input_dtype, scale, zero),
        input_table=_table(runtime, config.preprocessing),
        output=Tensor(
            runtime.output_shapes[place], runtime.output_dtypes[place], output_scale, output_zero
        ),
        output_index=place,
        keypoints=decoder.points,
        preprocessing=config.preprocessing,
        postprocessing=config.postprocessing,
        decoding=decoder.decoding,
        logits=decoder.logits,
        threshold=decoder.threshold,
        operators=tuple(used(read_graph(content))),
        arena=arena,
    )


def _table(runtime: LiteRTRuntime, preprocessing: Preprocessing) -> Array:
    """Return each level of a pixel, rescaled and quantized by the code that inputs go through."""
    from poseline.data.preprocess import rescale

    levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    return runtime.quantize(rescale(levels, preprocessing.rescaling)[None]).ravel()
