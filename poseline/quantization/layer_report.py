"""Float against int8, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

Array = np.ndarray[Any, Any]


def compare_layers(
    float_model: bytes, int8_model: bytes, pictures: Iterable[Array]
) -> list[dict[str, Any]]:
    """Run both models and compare the tensors that they have in common.

    Args:
        float_model: A float .tflite.
        int8_model: What became of it.
        pictures: (1, H, W, C) float32, rescaled.

    Returns:
        One entry a tensor in the order of computation: name, sqnr_db (10 · log10 of signal power
        over the power of the difference; higher is better), max_error and range of the float
        values.
    """
    reference, quantized = _Watched(float_model), _Watched(int8_model)
    shared = [name for name in reference.tensors if name in quantized.tensors]
    power = dict.fromkeys(shared, 0.0)
    noise, worst, highest = dict(power), dict(power), dict(power)
    for picture in pictures:
        reference.run(picture)
        quantized.run(picture)
        for name in shared:
            exact, found = reference.value(name), quantized.value(name)
            if exact.shape != found.shape:
                continue
            error = np.abs(exact - found)
            power[name] += float(np.square(exact).sum())
            noise[name] += float(np.square(error).sum())
            worst[name] = max(worst[name], float(error.max()))
            highest[name] = max(highest[name], float(np.abs(exact).max()))
    return [
        {
            "name": name,
            "sqnr_db": round(10 * float(np.log10(power[name] / max(noise[name], 1e-20))), 2),
            "max_error": round(worst[name], 6),
            "range": round(highest[name], 6),
        }
        for name in shared
        if power[name] > 0
    ]


class _Watched:
    """A LiteRT model whose every tensor can be read after a run."""

    def __init__(self, content: bytes) -> None:
        self._interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        produced = {index for op in self._interpreter._get_ops_details() for index in op["outputs"]}
        self.tensors = {
            details["name"].split(";")[0]: details
            for details in self._interpreter.get_tensor_details()
            if details["index"] in produced
        }

    def run(self, picture: Array) -> None:
        dtype = np.dtype(self._input["dtype"])
        if dtype.kind != "f":
            scale, zero = self._input["quantization"]
            limits = np.iinfo(dtype)
            picture = np.clip(np.rint(picture / scale) + zero, limits.min, limits.max)
        self._interpreter.set_tensor(self._input["index"], picture.astype(dtype))
        self._interpreter.invoke()

    def value(self, name: str) -> Array:
        details = self.tensors[name]
        values = self._interpreter.get_tensor(details["index"]).astype(np.float64)
        scale, zero = details["quantization"]
        return np.asarray((values - zero) * scale if scale else values)
