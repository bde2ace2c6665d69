"""The exported C code, compiled here and called from Python."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from poseline.config.models.preprocessing import Postprocessing, Preprocessing
from poseline.data.keypoints import KNOWN
from poseline.data.preprocess import rescale
from poseline.export import header, parts
from poseline.export.contract import Contract, Tensor
from poseline.runtime.tflm import Arena

STRICT = [
    "-std=c99",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wdouble-promotion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wundef",
    "-Wmissing-prototypes",
    "-Wcast-qual",
]
COLOURS = {1: "grayscale", 3: "rgb", 4: "rgba"}


def contract(
    input_shape=(48, 40, 3),
    output_shape=(12, 10, 17),
    *,
    keypoints=17,
    dtype="float32",
    model_type="heatmaps_spe",
    decoding="argmax",
    logits=False,
    interpolation="bilinear",
    aspect_ratio="fit",
    scale=1.0,
    zero_point=0,
    **postprocessing: Any,
) -> Contract:
    """Return a contract without a model; its input is uint8 and the pixel itself."""
    preprocessing = Preprocessing.model_validate(
        {
            "resizing": {"interpolation": interpolation, "aspect_ratio": aspect_ratio},
            "color_mode": COLOURS[input_shape[2]],
            "rescaling": {"scale": 1, "offset": 0},
        }
    )
    table = rescale(np.arange(256, dtype=np.uint8), preprocessing.rescaling).astype(np.uint8)
    return Contract(
        "test",
        "0",
        "0" * 64,
        model_type,
        Tensor(input_shape, "uint8", 1.0, 0),
        table,
        Tensor(tuple(output_shape), dtype, scale, zero_point),
        0,
        KNOWN[keypoints],
        preprocessing,
        Postprocessing.model_validate(postprocessing),
        decoding,
        logits,
        0.25 if logits else 0.15,
        ("CONV_2D",),
        Arena(1000, 600, 400),
    )


def write(found: Contract, folder: Path) -> list[Path]:
    """Write the C code of a contract; return the files to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"poseline_model.h": header.header(found), "poseline_model.c": header.source(found)}
    files |= {
        name: parts.read(name) for name in ("poseline.h", "poseline_internal.h")
    } | parts.parts(found)
    for name, content in files.items():
        (folder / name).write_text(content)
    return [folder / name for name in files if name.endswith(".c")]


def compiler(name: str = "gcc") -> str:
    """Return a compiler; skip the test where there is none."""
    import pytest

    return shutil.which(name) or pytest.skip(f"no {name} here")


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command; what it says is shown where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


class Library:
    """The code of a contract as a shared library."""

    def __init__(self, found: Contract, folder: Path) -> None:
        sources = [str(path) for path in write(found, folder)]
        shared = folder / "poseline.so"
        run([compiler(), *STRICT, "-O2", "-shared", "-fPIC", *sources, "-lm", "-o", str(shared)])
        self._library, self._contract = ctypes.CDLL(str(shared)), found
        points = len(found.keypoints)
        self._person = np.dtype(
            [("keypoints", np.float32, (points, 3)), ("score", np.float32)], align=True
        )

    def preprocess(self, picture: Any, stride: int | None = None) -> Any:
        """Return the input tensor of a picture (h, w, C) uint8."""
        tensor = np.full(self._contract.input.shape, 99, self._contract.input.dtype)
        given, kept = _picture(picture, stride)
        size = ctypes.c_size_t(tensor.size)
        status = self._library.poseline_preprocess(ctypes.byref(given), _pointer(tensor), size)
        assert status == 0, status
        del kept
        return tensor

    def postprocess(self, output: Any, room: int = 64) -> Any:
        """Return the persons in an output: a record array of keypoints and score."""
        ready = np.ascontiguousarray(output, self._contract.output.dtype)
        persons, found = np.zeros(room, self._person), ctypes.c_size_t(0)
        status = self._library.poseline_postprocess(
            _pointer(ready),
            ctypes.c_size_t(ready.size),
            _pointer(persons),
            ctypes.c_size_t(room),
            ctypes.byref(found),
        )
        assert status == 0, status
        return persons[: found.value]

    def to_picture(self, picture: Any, persons: Any) -> Any:
        """Return persons in pixels of a picture."""
        moved = persons.copy()
        given, kept = _picture(picture, None)
        count = ctypes.c_size_t(len(moved))
        assert self._library.poseline_to_picture(ctypes.byref(given), _pointer(moved), count) == 0
        del kept
        return moved

    def status(self, name: str, *arguments: Any) -> int:
        """Return what a function returns for arguments of ctypes."""
        return int(getattr(self._library, name)(*arguments))


class Picture(ctypes.Structure):
    """poseline_picture_t."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("stride", ctypes.c_int32),
    )


def _picture(pixels: Any, stride: int | None) -> tuple[Picture, Any]:
    height, width, channels = pixels.shape
    stride = stride or width * channels
    lines = np.zeros((height, stride), np.uint8)
    lines[:, : width * channels] = pixels.reshape(height, -1)
    return Picture(lines.ctypes.data, width, height, stride), lines


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
