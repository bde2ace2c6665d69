"""TensorFlow as the config's `general` section wants it."""

from __future__ import annotations

import keras
import tensorflow as tf

from poseline.config.general import General
from poseline.log import get_logger

_log = get_logger(__name__)


def prepare(general: General) -> None:
    """Seed the generators, and set determinism and the limit of GPU memory.

    Call it before anything is computed: TensorFlow refuses later.
    """
    if general.global_seed is not None:
        keras.utils.set_random_seed(general.global_seed)
    if general.deterministic_ops:
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if general.gpu_memory_limit and gpus:
        megabytes = int(general.gpu_memory_limit * 1024)
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=megabytes)
        try:
            tf.config.set_logical_device_configuration(gpus[0], [limit])
        except RuntimeError as error:
            _log.warning("gpu_memory_limit comes too late", reason=str(error))
