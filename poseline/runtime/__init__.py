"""One protocol over Keras, LiteRT and ONNX Runtime."""

from poseline.runtime.base import Runtime
from poseline.runtime.model_input import check_channels, input_rescaling, warn_of_other_pictures
from poseline.runtime.registry import check_model_file, open_model

__all__ = [
    "Runtime",
    "check_channels",
    "check_model_file",
    "input_rescaling",
    "open_model",
    "warn_of_other_pictures",
]
