import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from poseline.config.models.training import Heatmaps, Model
from poseline.models.movenet import build
from poseline.training.fast_model import Forward, make_twin
from poseline.training.flat_variables import FlatVariables, packable
from poseline.training.fused_normalization import normalized_linear
from poseline.training.loss import heatmap_loss
from poseline.training.trainer import Trainer


def _model(side=64):
    keras.utils.set_random_seed(3)
    return build(Model(alpha=0.35, input_shape=(side, side, 3), pretrained_weights=None), 17)


def _batch(count=4, side=64):
    random = np.random.default_rng(5)
    images = random.uniform(-1, 1, (count, side, side, 3)).astype(np.float32)
    labels = random.uniform(0, 1, (count, 18, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(labels)


@pytest.mark.parametrize(("inputs", "outputs"), [(6, 24), (24, 6), (8, 8)])
def test_normalized_linear_is_a_layer_and_a_batch_normalization(inputs, outputs):
    random = np.random.default_rng(1)
    draw = lambda *shape: tf.constant(random.normal(0.3, 1, shape).astype(np.float32))  # noqa: E731
    x, kernel, dz = draw(500, inputs), draw(inputs, outputs), draw(500, outputs)
    gamma, beta = draw(outputs), draw(outputs)
    given = [x, kernel, gamma, beta]

    def reference():
        y = tf.matmul(x, kernel)
        mean, variance = tf.nn.moments(y, 0)
        return tf.nn.batch_normalization(y, mean, variance, beta, gamma, 1e-3), mean, variance

    found = []
    for compute in (reference, lambda: normalized_linear(x, kernel, gamma, beta, 1e-3)):
        with tf.GradientTape() as tape:
            tape.watch(given)
            z, mean, variance = compute()
            loss = tf.reduce_sum(z * dz)
        found.append([z, mean, variance, *tape.gradient(loss, given)])
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=2e-3)


def test_a_constant_channel_gives_no_nan():
    x, kernel = tf.ones((50, 3)) * 7, tf.ones((3, 5))
    z, _, variance = normalized_linear(x, kernel, tf.ones(5), tf.zeros(5), 1e-3)
    assert np.isfinite(z).all()
    assert (np.asarray(variance) >= 0).all()


def test_forward_and_gradients_are_the_models_own():
    model, (images, labels) = _model(), _batch()
    twin = make_twin(model, 100)
    forward, settings = Forward(twin), Heatmaps()
    with tf.GradientTape() as tape:
        expected = twin(images, training=True)
        loss = heatmap_loss(expected, labels, settings)
    gradients = tape.gradient(loss, twin.trainable_variables)
    moved = [layer.moving_variance.numpy() for layer in forward.normalizations]
    twin.set_weights(model.get_weights())
    with tf.GradientTape() as tape:
        heatmaps, statistics = forward.train(images)
        loss = heatmap_loss(heatmaps, labels, settings)
    np.testing.assert_allclose(heatmaps, expected, atol=1e-4)
    for ours, other in zip(tape.gradient(loss, twin.trainable_variables), gradients, strict=True):
        assert (
            tf.norm(ours - other) <= 0.01 * tf.norm(other) + 2e-5
        )  # of sums that cancel, rounding is left
    for layer, variance, after in zip(forward.normalizations, statistics[1::2], moved, strict=True):
        kept = layer.moving_variance * layer.momentum + variance * (1 - layer.momentum)
        np.testing.assert_allclose(kept, after, rtol=1e-4, atol=1e-5)


def test_inference_is_the_models_own():
    model, (images, _) = _model(), _batch()
    random = np.random.default_rng(2)
    model.set_weights([w + random.uniform(0, 0.1, w.shape) for w in model.get_weights()])
    twin = make_twin(model, 100)
    np.testing.assert_allclose(
        Forward(twin).infer(images), model(images, training=False), rtol=1e-3, atol=1e-5
    )


def test_layers_of_other_kinds_are_left_as_they_are():
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 1, use_bias=True, activation="relu")(inputs)
    x = layers.BatchNormalization(scale=False)(x)
    shared = layers.Conv2D(8, 1, use_bias=False)(x)
    x = layers.Add()([layers.BatchNormalization()(shared), shared])
    x = layers.Dropout(0.5, seed=1)(layers.BatchNormalization(trainable=False)(x))
    model = keras.Model(inputs, layers.Conv2D(17, 3, strides=2, padding="same")(x))
    forward = Forward(model)
    assert len(forward.normalizations) == 1
    images, _ = _batch(side=16)
    np.testing.assert_allclose(
        forward.infer(images), model(images, training=False), rtol=1e-3, atol=1e-5
    )
    output, statistics = forward.train(images)
    assert output.shape == (4, 8, 8, 17)
    assert len(statistics) == 2


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"clipnorm": 1.0}])
def test_packed_weights_learn_like_separate_ones(settings):
    images, labels = _batch()
    exported = []
    for clip in ({}, settings):
        model = _model()
        twin = make_twin(model, 2)
        twin.compile(keras.optimizers.SGD(0.01, momentum=0.9, **clip), loss="mse")
        if clip:
            assert not packable(twin.optimizer)
            twin.optimizer.clipnorm = 2.0**30  # clips nothing, and multiplies without rounding
        trainer = Trainer(model, twin, Heatmaps(), "quadratic", "fit", (0.05,) * 17, [])
        trainer.fit(_Twice(images, labels), lambda: [(images, labels)], 1, lambda *_: None)
        exported.append(trainer.export().get_weights())
    for one, other in zip(*exported, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert any(
        np.abs(a - b).max() > 1e-3 for a, b in zip(exported[0], _model().get_weights(), strict=True)
    )


class _Twice:
    def __init__(self, *batch):
        self._batch = batch

    def batches(self, epoch):
        return [self._batch] * 2

    def __len__(self):
        return 2

    @property
    def pictures(self):
        return 2 * len(self._batch[0])


def test_packed_gives_back_what_it_took():
    variables = [keras.Variable(np.ones((2, 3))), keras.Variable(np.zeros(4))]
    packed = FlatVariables(variables)
    packed.vector.assign(np.arange(10.0))
    packed.store()
    np.testing.assert_array_equal(variables[0], [[0, 1, 2], [3, 4, 5]])
    variables[1].assign(np.full(4, 7.0))
    packed.load()
    np.testing.assert_array_equal(packed.split()[1], [7, 7, 7, 7])
