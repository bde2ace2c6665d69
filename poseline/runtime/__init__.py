"""One protocol over Keras, LiteRT and ONNX Runtime."""

from poseline.runtime.runtime import Runtime, open_model

__all__ = ["Runtime", "open_model"]
