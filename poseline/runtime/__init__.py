"""One protocol over Keras, LiteRT and ONNX Runtime."""
