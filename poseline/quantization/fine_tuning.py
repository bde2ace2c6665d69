"""`quantization_type: QAT`: a model learns to put out, as int8, what it puts out as float."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from poseline.config.models.quantization import Quantization
from poseline.config.models.training import FinalActivation
from poseline.log import get_logger
from poseline.number_format import significant
from poseline.progress import Progress
from poseline.quantization.base import Array, Calibration
from poseline.quantization.fake_quantization import FakeQuantized
from poseline.quantization.folding import folded

_MEASURED = 300
"""Pictures that the ranges of activations are measured on, before each epoch."""
_log = get_logger(__name__)


def fine_tune(
    model: keras.Model,
    pictures: Calibration,
    count: int,
    settings: Quantization,
    activation: FinalActivation,
) -> keras.Model:
    """Fine-tune a model for int8, with its own float outputs as the lesson.

    No labels are needed: whatever the model has learned, int8 is to repeat it. The loss is the
    cross-entropy of the two over the cells of a heatmap where the model puts out logits, and the
    squared error otherwise (Hinton et al. 2015, arXiv:1503.02531, between float and int8).

    Args:
        model: The float model.
        pictures: Gives the pictures, one at a time, the same in each epoch.
        count: How many there are.
        settings: `granularity` and `fine_tuning` are obeyed.
        activation: What the model's output is.

    Returns:
        A float model with its normalizations folded, for a quantizer.
    """
    asked = settings.fine_tuning
    student = folded(model)
    int8_model = FakeQuantized(student, settings.granularity)
    steps = -(-count // asked.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(asked.learning_rate, asked.epochs * steps)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(int8_model.variables)

    def learn(images: Any) -> Any:
        expected = model(images, training=False)
        with tf.GradientTape() as tape:
            loss = _difference(int8_model(images), expected, activation)
        gradients = tape.gradient(loss, [variable.value for variable in int8_model.variables])
        optimizer.apply_gradients(zip(gradients, int8_model.variables, strict=True))
        return loss

    step = tf.function(learn, autograph=False, reduce_retracing=True)
    with Progress(asked.epochs * count, "fine-tune") as progress:
        for epoch in range(asked.epochs):
            int8_model.measure(_batches(pictures, asked.batch_size, _MEASURED))
            losses = []
            for images in _batches(pictures, asked.batch_size):
                losses.append(float(step(images)))
                progress.advance(len(images))
            _log.info(
                "fine-tuned",
                epoch=f"{epoch + 1}/{asked.epochs}",
                difference=significant(float(np.mean(losses))),
            )
    return student


def _batches(pictures: Calibration, size: int, most: int | None = None) -> Iterator[Array]:
    batch: list[Array] = []
    for number, picture in enumerate(pictures()):
        if number == most:
            break
        batch.append(picture)
        if len(batch) == size:
            yield np.concatenate(batch)
            batch = []
    if batch:
        yield np.concatenate(batch)


def _difference(found: Any, expected: Any, activation: FinalActivation) -> Any:
    if activation == "softmax":
        shape = (-1, found.shape[1] * found.shape[2], found.shape[3])
        logits, known = (tf.transpose(tf.reshape(t, shape), (0, 2, 1)) for t in (found, expected))
        entropy = -tf.reduce_sum(tf.nn.softmax(known) * tf.nn.log_softmax(known), -1)
        crossed = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(known), logits)
        return tf.reduce_mean(crossed - entropy)
    return tf.reduce_mean(tf.square(found - expected)) * float(np.prod(found.shape[1:-1]))
