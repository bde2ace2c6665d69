"""Full-integer quantization by TFLiteConverter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from poseline.config.models.quantization import Quantization
from poseline.models.file import is_saved_model
from poseline.models.saved_model import converted, saved_model_converter
from poseline.quantization.base import IO_NAMES, Calibration
from poseline.quantization.equalization import equalize
from poseline.quantization.keras_conversion import keras_converter
from poseline.quantization.source import SAVED_MODEL, Source, refuse_equalization


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
    return keras_converter(equalize(source.keras) if settings.optimize else source.keras)


def _type(name: str) -> Any:
    return tf.as_dtype(np.dtype(IO_NAMES[name]))
