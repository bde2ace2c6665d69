"""The structure of a .tflite file, checked before memory is taken for it."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from poseline.errors import ModelError
from poseline.models.file import MAX_ELEMENTS, first_line, model_format

_CONVERT = "convert the model again"
_PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def open_tflite(source: Path | bytes, threads: int = 1, *, accelerated: bool = True) -> Any:
    """Return a LiteRT interpreter whose tensors have no memory yet.

    Args:
        source: A file, or its content.
        threads: CPU threads.
        accelerated: Leave to XNNPACK what it can run. It refuses a model as a whole when it has
            scales beyond its own limits; LiteRT's kernels take any.

    Raises:
        ModelError: It is damaged, or is not a model of one picture.
    """
    shown = source if isinstance(source, Path) else "the .tflite model"
    if isinstance(source, Path):
        model_format(source)
    try:
        interpreter = Interpreter(
            model_path=str(source) if isinstance(source, Path) else None,
            model_content=None if isinstance(source, Path) else source,
            num_threads=threads,
            experimental_op_resolver_type=OpResolverType.AUTO if accelerated else _PLAIN,
        )
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        tensors = interpreter.get_tensor_details()
    except Exception as error:  # damaged tables fail in flatbuffers, NumPy and LiteRT
        raise ModelError(f"{shown} cannot be loaded: {first_line(error)}", _CONVERT) from None
    if len(inputs) != 1:
        found = " and ".join(f"{e['name']} {_sides(e)}" for e in inputs[:5]) or "none"
        raise ModelError(
            f"{shown} has {len(inputs)} inputs: {found}",
            "expected one input, the picture; convert the model with the others as constants",
        )
    if not outputs:
        raise ModelError(f"{shown} has no output", _CONVERT)
    if wrong := [e["name"] for e in outputs if np.dtype(e["dtype"]).kind not in "fiub"]:
        raise ModelError(f"{shown} puts out {wrong[0]}, which are no numbers", _CONVERT)
    for entry in tensors:
        if prod(_sides(entry)) > MAX_ELEMENTS or min(_sides(entry), default=1) < 0:
            raise ModelError(
                f"{shown} has the tensor {entry['name']} of shape {_sides(entry)}",
                f"expected at most {MAX_ELEMENTS:,} values; {_CONVERT}",
            )
    return interpreter


def _sides(entry: Any) -> tuple[int, ...]:
    return tuple(map(int, entry["shape"]))
