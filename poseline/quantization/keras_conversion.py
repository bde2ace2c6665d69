"""A Keras model as a TensorFlow function of one picture, and as a float .tflite."""

from __future__ import annotations

import tempfile
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from poseline.models.saved_model import converted
from poseline.quiet import quiet_stderr


def picture_signature(model: Any) -> list[Any]:
    """Return what a Keras model takes: one picture (1, H, W, C) float32."""
    return [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")]


def picture_function(model: Any) -> Any:
    """Return the inference of a Keras model as a function of one picture."""
    return tf.function(
        lambda picture: model(picture, training=False), input_signature=picture_signature(model)
    )


def keras_converter(model: Any) -> Any:
    """Return LiteRT's converter of a concrete function: half the time of a SavedModel."""
    # Keras 3 keeps its variables out of the function's own; frozen, they are constants.
    frozen = convert_variables_to_constants_v2(picture_function(model).get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def float_tflite(model: Any) -> bytes:
    """Return a Keras model as a float .tflite.

    Raises:
        ModelError: It has an operation that LiteRT does not have.
    """
    return converted(keras_converter(model))


def signed_tflite(model: Any) -> bytes:
    """Return a Keras model as a float .tflite with a signature, which some tools ask for."""
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        model.export(folder, verbose=False, input_signature=picture_signature(model))
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
