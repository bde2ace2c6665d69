"""A step in 16 bits, or compiled by XLA, against one in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from poseline.config.models.training import Heatmaps, Training
from poseline.models.loading import load_keras
from poseline.training import checkpoint, keras_factory
from poseline.training.fast_model import Forward, make_twin
from poseline.training.trainer import Trainer

STEPS = 12


def batch():
    random = np.random.default_rng(5)
    images = random.uniform(-1, 1, (8, 16, 16, 3)).astype(np.float32)
    labels = random.uniform(0.1, 0.9, (8, 5, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(labels)


def network():
    """A block of MobileNetV2, and heatmaps of 4 keypoints."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((16, 16, 3))
    for convolution in (
        layers.Conv2D(16, 3, 2, padding="same", use_bias=False),
        layers.Conv2D(32, 1, use_bias=False),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False),
    ):
        x = layers.ReLU(6.0)(layers.BatchNormalization()(convolution(x)))
    return keras.Model(inputs, layers.Conv2D(4, 1)(x), name="block")


def trainer(**settings):
    training = Training(optimizer={"Adam": {"learning_rate": 0.02}}, **settings)
    model = network()
    twin = make_twin(model, 2)
    twin.compile(keras_factory.optimizer(training), loss="mse")
    how = {"precision": training.precision, "jit_compile": training.jit_compile}
    sigmas = (0.05,) * 4
    return Trainer(model, twin, Heatmaps(), "dark", "fit", sigmas, [], activation="softmax", **how)


def learn(one):
    images, labels = batch()
    losses = [float(one.step(images, labels)) for _ in range(STEPS)]
    for packed in (one._weights, one._moving):
        packed.store()
    return losses, one.validate([(images, labels)])


@pytest.fixture(scope="module")
def plain():
    return learn(trainer())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'
@pytest.mark.parametrize(
    "settings",
    [{"precision": "mixed_bfloat16"}, {"precision": "mixed_float16"}, {"jit_compile": True}],
    ids=lambda settings: str(next(iter(settings.values()))),
)
def test_a_step_learns_what_a_float32_one_learns_and_goes_on(settings, plain, tmp_path):
    one = trainer(**settings)
    losses, figures = learn(one)
    assert losses == pytest.approx(plain[0], rel=0.03)
    assert losses[-1] < 0.8 * losses[0]
    assert figures["val_loss"] == pytest.approx(plain[1]["val_loss"], rel=0.1)
    assert figures["val_oks"] == pytest.approx(plain[1]["val_oks"], abs=0.1)
    path = tmp_path / "last.h5"
    checkpoint.save(one.export(), one.variables, one.state, path)
    assert {w.dtype for w in load_keras(path).weights} == {"float32"}
    again = trainer(**settings)
    checkpoint.restore_variables(again.variables, path)
    for kept, restored in zip(one.variables, again.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(kept), np.asarray(restored))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_activations_have_16_bits_and_statistics_32(precision):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization()(x))
    images = tf.constant(np.random.default_rng(1).normal(3, 1, (4, 8, 8, 3)), tf.float32)
    exact, statistics = Forward(model).train(images)
    output, rounded = Forward(model, precision=precision).train(images)
    assert [t.dtype for t in (output, *rounded)] == [tf.float32] * 3
    assert 1e-5 < float(tf.reduce_max(tf.abs(output - exact))) < 0.1
    np.testing.assert_allclose(rounded[0], statistics[0], rtol=0.02, atol=0.02)
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    np.testing.assert_allclose(
        Forward(model, precision=precision).infer(images), Forward(model).infer(images)
    )


def test_a_loss_is_scaled_as_the_optimizer_unscales_it():
    optimizer = keras_factory.optimizer(Training(precision="mixed_float16"))
    assert type(optimizer) is keras.optimizers.LossScaleOptimizer
    assert type(optimizer.inner_optimizer) is keras.optimizers.Adam
