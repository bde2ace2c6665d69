import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from poseline.config.models.quantization import FineTuning, Quantization
from poseline.config.models.training import Model
from poseline.models.movenet import build
from poseline.quantization.fake_quantization import FakeQuantized
from poseline.quantization.fine_tuning import fine_tune
from poseline.quantization.folding import folded
from poseline.quantization.source import Source
from poseline.quantization.tflite_converter import TFLiteConverter
from poseline.runtime import open_model
from poseline.training.checkpoint import save_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'
SHAPE = (32, 32, 3)


def trained_like(model, seed=0):
    """Give normalizations the uneven statistics that a training leaves."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights(
                [
                    np.exp(random.normal(0, 0.7, shape)),
                    random.normal(0, 0.3, shape),
                    random.normal(0, 0.3, shape),
                    np.exp(random.normal(0, 0.7, shape)),
                ]
            )
    return model


def pictures(count=48, seed=1):
    random = np.random.default_rng(seed)
    coarse = random.uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)
    return tf.image.resize(coarse, SHAPE[:2]).numpy()


def given():
    return (picture[None] for picture in pictures())


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE)
    x = inputs
    for width in (8, 12):
        x = layers.Conv2D(width, 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    return trained_like(keras.Model(inputs, layers.Conv2D(4, 1)(x)))


def test_folding_keeps_what_a_model_computes(network):
    spec = Model(alpha=0.35, input_shape=SHAPE, pretrained_weights=None)
    for model in (network, trained_like(build(spec, 5))):
        twin = folded(model)
        assert not any(isinstance(layer, layers.BatchNormalization) for layer in twin.layers)
        expected = model(pictures(4), training=False)
        scale = float(tf.reduce_max(tf.abs(expected)))
        np.testing.assert_allclose(twin(pictures(4)).numpy(), expected.numpy(), atol=1e-4 * scale)


def test_a_normalization_after_anything_else_stays():
    inputs = keras.Input(SHAPE)
    convolved = layers.Conv2D(4, 3, use_bias=False)(inputs)
    twice = layers.Add()([layers.BatchNormalization()(convolved), convolved])
    model = trained_like(keras.Model(inputs, layers.BatchNormalization()(twice)))
    twin = folded(model)
    assert sum(isinstance(layer, layers.BatchNormalization) for layer in twin.layers) == 2
    np.testing.assert_allclose(twin(pictures(2)).numpy(), model(pictures(2)).numpy(), atol=1e-5)


@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_the_rounding_is_that_of_the_int8_file(network, granularity, tmp_path):
    """Nearer to the converted file than the float model is, by far."""
    fake = FakeQuantized(folded(network), granularity)
    fake.measure([pictures()])
    save_model(network, path := tmp_path / "model.h5")
    found = int8_outputs(path, granularity, tmp_path)
    expected = network(pictures(), training=False).numpy()
    assert rms(fake(pictures()).numpy() - found) < 0.35 * rms(expected - found)


@pytest.mark.parametrize(("granularity", "left"), [("per_channel", 1.0), ("per_tensor", 0.7)])
def test_fine_tuning_brings_int8_nearer_to_float(network, granularity, left, tmp_path):
    expected = network(pictures(), training=False).numpy()
    asked = FineTuning(epochs=20, learning_rate=2e-3, batch_size=16)
    settings = Quantization(quantization_type="QAT", granularity=granularity, fine_tuning=asked)
    tuned = fine_tune(network, given, 48, settings, "sigmoid")
    errors = []
    for name, model in (("float", network), ("tuned", tuned)):
        save_model(model, path := tmp_path / f"{name}.h5")
        errors.append(rms(int8_outputs(path, granularity, tmp_path) - expected))
    assert errors[1] < left * errors[0], errors


def int8_outputs(path, granularity, folder):
    settings = Quantization(
        granularity=granularity, quantization_input_type="float", quantization_output_type="float"
    )
    written = folder / f"{path.stem}.tflite"
    written.write_bytes(TFLiteConverter().quantize(Source(path), given, settings))
    return open_model(written).predict(pictures())[0]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
