"""One protocol over Keras, LiteRT and ONNX Runtime."""

from poseline.runtime.runtime import (
    Runtime,
    check_channels,
    check_model_file,
    input_rescaling,
    open_model,
    warn_of_other_pictures,
)

__all__ = [
    "Runtime",
    "check_channels",
    "check_model_file",
    "input_rescaling",
    "open_model",
    "warn_of_other_pictures",
]
