"""A process that trains many models, as a search does, keeps none of them."""

import gc
import weakref

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from poseline.config.models.training import Heatmaps, Model
from poseline.models.movenet import build
from poseline.training.fast_model import make_twin
from poseline.training.gradient_registry import gradients_forgotten
from poseline.training.trainer import Trainer

SIDE = 32


class One:
    pictures = 2

    def __init__(self):
        random = np.random.default_rng(5)
        images = random.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
        labels = random.uniform(0, 1, (2, 14, 3)).astype(np.float32)
        self.batch = tf.constant(images), tf.constant(labels)

    def batches(self, epoch):
        return [self.batch]

    def __len__(self):
        return 1


def trained():
    """Train a model, and return a weak reference to its trainer."""
    spec = Model(alpha=0.35, input_shape=(SIDE, SIDE, 3), pretrained_weights=None)
    model = build(spec, 13)
    twin = make_twin(model, 1)
    twin.compile(keras.optimizers.SGD(0.01), loss="mse")
    trainer, data = Trainer(model, twin, Heatmaps(), "argmax", "fit", (0.05,) * 13, []), One()
    trainer.fit(data, lambda: [data.batch], 1, lambda *_: None)
    return weakref.ref(trainer), weakref.ref(trainer.step.get_concrete_function(*data.batch).graph)


def test_nothing_is_left_of_a_training():
    before = set(ops.gradient_registry.list())
    trainer, graph = trained()
    gc.collect()
    assert set(ops.gradient_registry.list()) == before
    assert trainer() is None
    assert graph() is None


def test_gradients_of_others_stay():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda dy: 3 * dy

    graph = tf.function(double, autograph=False).get_concrete_function(tf.TensorSpec([]))
    with gradients_forgotten():
        pass
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(1.0))
        y = graph(x)
    assert float(tape.gradient(y, x)) == 3
