"""TensorFlow as the config's `general` section wants it."""

from __future__ import annotations

import os
from contextlib import suppress

import keras
import tensorflow as tf
from tensorflow.python.framework import config  # it alone can turn determinism off again

from poseline.config.models.general import General
from poseline.log import get_logger

_SMALL = 2**20
"""Pixels of a batch below which a step takes less time with fewer threads an operation."""
_log = get_logger(__name__)


def prepare(general: General, pixels: int | None = None) -> None:
    """Seed the generators, and set threads, determinism and the limit of GPU memory.

    Call it before anything is computed: TensorFlow refuses later.

    Args:
        general: The config's section.
        pixels: Of a batch, where that is known. The operations of a small one run beside each
            other, with half of the cores each; one of a large one has all cores.
    """
    if general.global_seed is not None:
        keras.utils.set_random_seed(general.global_seed)
    if general.deterministic_ops:
        tf.config.experimental.enable_op_determinism()
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        threads = os.cpu_count() or 1
        if general.deterministic_ops:
            threads = 1  # a sum depends on them, and is to be the same on a node of other cores
        elif pixels is not None and pixels < _SMALL:
            threads = max(threads // 2, 1)
        with suppress(RuntimeError):  # TensorFlow is in use already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    if general.gpu_memory_limit and gpus:
        megabytes = int(general.gpu_memory_limit * 1024)
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=megabytes)
        try:
            tf.config.set_logical_device_configuration(gpus[0], [limit])
        except RuntimeError as error:
            _log.warning("gpu_memory_limit comes too late", reason=str(error))


def allow_nondeterminism(error: Exception) -> None:
    """Go on without determinism where an operation has no deterministic form, and say so.

    Args:
        error: What a step raised.

    Raises:
        Exception: The error itself, where it has another cause.
    """
    refused = isinstance(error, tf.errors.UnimplementedError) and config.is_op_determinism_enabled()
    if not refused:
        raise error
    _log.warning("deterministic_ops is ignored", reason=str(error).splitlines()[0])
    config.disable_op_determinism()
