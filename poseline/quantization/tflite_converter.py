"""Full-integer quantization by TensorFlow's own quantizer, the second half of its converter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.optimize.calibrator import Calibrator

from poseline.config.models.quantization import Quantization
from poseline.errors import ModelError
from poseline.models.file import first_line
from poseline.quantization.base import IO_NAMES, Calibration
from poseline.quantization.source import KERAS, SAVED_MODEL, Source
from poseline.quiet import quiet_stderr


class TFLiteConverter:
    """Keras in, .tflite out; weights int8, activations int8.

    `tf.lite.TFLiteConverter` makes a float model first, calibrates and then quantizes it. The same
    is done here step by step, so that the float model, to which layers are compared, is made once.
    """

    suffix = ".tflite"
    accepts: tuple[str, ...] = (*KERAS, SAVED_MODEL)

    def quantize(self, source: Source, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""

        def representative() -> Iterator[list[Any]]:
            for picture in calibration():
                yield [picture]

        float_model = source.float_tflite
        try:
            with quiet_stderr():
                calibrated = Calibrator(float_model).calibrate(representative)
                quantized = mlir_quantize(
                    calibrated,
                    disable_per_channel=settings.granularity == "per_tensor",
                    input_data_type=_type(settings.quantization_input_type),
                    output_data_type=_type(settings.quantization_output_type),
                )
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise ModelError(
                f"the model cannot be quantized: {first_line(error)}",
                "use operations that LiteRT has in int8",
            ) from None
        return bytes(quantized)


def _type(name: str) -> Any:
    return tf.as_dtype(np.dtype(IO_NAMES[name]))
