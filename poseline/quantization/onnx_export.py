"""A Keras model as ONNX, by tf2onnx."""

from __future__ import annotations

from typing import Any

from poseline.errors import BackendError, ModelError
from poseline.models.file import first_line
from poseline.progress import doing
from poseline.quiet import quiet_stderr

_HIGHEST_OPSET = 18
"""What tf2onnx 1.17 writes; a higher one is reached by ONNX's own converter."""


def float_onnx(model: Any, opset: int) -> Any:
    """Return a Keras model as an ONNX model of float32, channels last as in Keras.

    Args:
        model: The Keras model.
        opset: The opset that is wanted; what comes has at most 18.

    Raises:
        ModelError: It has an operation that ONNX does not have.
    """
    try:
        import tf2onnx
    except ImportError:
        raise BackendError(
            "onnx_quantizer needs tf2onnx for a Keras model", "install poseline[onnx]"
        ) from None
    from poseline.quantization.keras_conversion import picture_function, picture_signature

    with doing("converting the model to ONNX"), quiet_stderr():
        try:
            made, _ = tf2onnx.convert.from_function(
                picture_function(model),
                input_signature=picture_signature(model),
                opset=min(opset, _HIGHEST_OPSET),
            )
        except Exception as error:  # it raises what its handlers raise
            raise ModelError(
                f"{model.name} cannot be converted to ONNX: {first_line(error)}",
                "set quantization.quantizer to TFlite_converter",
            ) from error
    return made
