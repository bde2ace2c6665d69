"""Full-integer quantization by TFLiteConverter."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from poseline.config.models.quantization import Quantization
from poseline.models.file import is_saved_model
from poseline.models.saved_model import converted, saved_model_converter
from poseline.quantization.base import IO_NAMES, Calibration
from poseline.quantization.equalization import equalize
from poseline.quantization.source import SAVED_MODEL, Source, refuse_equalization
from poseline.quiet import quiet_stderr


class TFLiteConverter:
    """Keras in, .tflite out; weights int8, activations int8."""

    suffix = ".tflite"
    accepts: tuple[str, ...] = (".h5", ".keras", SAVED_MODEL)

    def quantize(self, source: Source, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""
        converter = _source(source, settings)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter._experimental_disable_per_channel = settings.granularity == "per_tensor"
        converter.inference_input_type = _type(settings.quantization_input_type)
        converter.inference_output_type = _type(settings.quantization_output_type)

        def representative() -> Iterator[list[Any]]:
            for picture in calibration():
                yield [picture]

        converter.representative_dataset = representative
        return converted(converter)


def _source(source: Source, settings: Quantization) -> Any:
    if is_saved_model(source.path):
        if settings.optimize:
            raise refuse_equalization(source.path)
        return saved_model_converter(source.path)
    return _converter(equalize(source.keras) if settings.optimize else source.keras)


def float_tflite(model: Any) -> bytes:
    """Return a Keras model as a float .tflite.

    Raises:
        ModelError: It has an operation that LiteRT does not have.
    """
    return converted(_converter(model))


def signed_tflite(model: Any) -> bytes:
    """Return a Keras model as a float .tflite with a signature, which some tools ask for."""
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")]
        model.export(folder, verbose=False, input_signature=signature)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _converter(model: Any) -> Any:
    """Convert from a concrete function of one picture: half the time of a SavedModel."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="picture")
    call = tf.function(lambda picture: model(picture, training=False), input_signature=[signature])
    # Keras 3 keeps its variables out of the function's own; frozen, they are constants.
    frozen = convert_variables_to_constants_v2(call.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _type(name: str) -> Any:
    return tf.as_dtype(np.dtype(IO_NAMES[name]))
