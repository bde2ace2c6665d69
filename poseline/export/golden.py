"""A picture, and what the code on the chip must make of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from poseline.config.models.config import Config
from poseline.config.models.preprocessing import ColorMode
from poseline.data.preprocess import Transform, rescale, resize
from poseline.data.synthetic import scene
from poseline.export import c_text
from poseline.export.contract import Contract
from poseline.runtime.litert import dequantize
from poseline.runtime.pose_decoder import Decoder
from poseline.runtime.tflm import TFLMRuntime

Array = np.ndarray[Any, Any]
_SIZE, _SEED = (144, 112), 11
_PLACES = 256


@dataclass(frozen=True)
class Golden:
    """The self-test's data.

    Attributes:
        picture: (h, w, C) uint8; a drawn person.
        input: The input tensor, as the chip has it: (H, W, C).
        output: The output tensor that TFLM's kernels make of it.
        keypoints: The persons in it: (n, K, 3), x and y in px of the picture.
        scores: (n,).
    """

    picture: Array
    input: Array
    output: Array
    keypoints: Array
    scores: Array


def golden(contract: Contract, config: Config, model: Path) -> Golden:
    """Run a drawn picture through Python's pre-processing, TFLM, and Python's post-processing."""
    runtime = TFLMRuntime(model)
    drawn, _ = scene.paint(np.random.default_rng(_SEED), _SIZE, 1)
    picture = _coloured(drawn, contract.color_mode)
    shape, resizing = contract.input.shape, contract.preprocessing.resizing
    ready = resize(picture, shape, resizing)
    raw = runtime.raw(rescale(ready, contract.preprocessing.rescaling))
    outputs = [
        dequantize(values, {"quantization": quantization})[None]
        for values, quantization in zip(raw, runtime.output_quantizations, strict=True)
    ]
    (found,) = Decoder(runtime, config, contract.keypoints).decode(outputs)
    keypoints = np.asarray(found.keypoints, np.float64)
    size = (picture.shape[1], picture.shape[0])
    transform = Transform.of(size, shape, resizing.aspect_ratio)
    keypoints[..., :2] = transform.to_picture(keypoints[..., :2])
    chosen = raw[contract.output_index]
    return Golden(picture, contract.input_table[ready], chosen, keypoints, found.scores)


def files(contract: Contract, found: Golden) -> dict[str, str]:
    """Return the self-test's data as C99, by file name."""
    levels = np.asarray(contract.input_table, np.float64)
    apart = np.abs(np.diff(levels)).max() if _rounded_otherwise(contract) else 0.0
    places = np.linspace(0, found.input.size - 1, _PLACES).astype(int)
    height, width, _ = found.picture.shape
    values = {
        "height": height,
        "width": width,
        "pixels": found.picture.size,
        "places": len(places),
        "persons": len(found.keypoints),
        "room": max(len(found.keypoints), 1),
        "apart": c_text.real(apart),
        "picture": c_text.rows(c_text.values(found.picture)),
        "at": c_text.rows(f"{place}U" for place in places),
        "input": c_text.rows(c_text.values(found.input.ravel()[places])),
        "output": c_text.rows(c_text.values(found.output)),
        "expected": _persons(found),
    }
    return {name: template(name).format(**values) for name in ("golden.h", "golden.c")}


def template(name: str) -> str:
    """Return a template of the export, for `str.format`."""
    return (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8")


def _persons(found: Golden) -> str:
    """Return initializers of poseline_person_t; one of zeros where nobody is seen."""
    lines = []
    for points, score in zip(found.keypoints, found.scores, strict=True):
        each = (f"{{{', '.join(map(c_text.real, point))}}}" for point in points)
        lines.append(f"    {{{{\n{c_text.rows(each)}}},\n     {c_text.real(score)}}}")
    return ",\n".join(lines) or "    {{{0.0f, 0.0f, 0.0f}}, 0.0f}"


def _rounded_otherwise(contract: Contract) -> bool:
    """Whether the C code may round a pixel to the next level."""
    return contract.preprocessing.resizing.interpolation == "area"


def _coloured(picture: Array, color_mode: ColorMode) -> Array:
    if color_mode == "grayscale":
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[..., None]
    if color_mode == "rgba":
        return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    return picture
