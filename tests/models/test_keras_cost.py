"""Keras files that load in no time and would run for hours, or take all of the memory."""

import keras
import pytest
from keras import layers

from poseline.errors import ModelError
from poseline.models.keras_cost import MOST_PRODUCTS, check_cost
from poseline.models.loading import load_keras

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # HDF5 and NumPy 2
PICTURE = (64, 64, 3)


def model(*made, size=PICTURE):
    inputs = keras.Input(size)
    found = inputs
    for layer in made:
        found = layer(found)
    return keras.Model(inputs, found)


def many_maps(x):
    return keras.Sequential([layers.UpSampling2D(64), *[layers.ReLU() for _ in range(60)]])(x)


COSTLY = {
    "a wide kernel over a large map": [
        layers.UpSampling2D(64),
        layers.Conv2D(8, 300, padding="same"),
    ],
    "channels over a large map": [layers.UpSampling2D(16), layers.Conv2D(256, 40, padding="same")],
    "within a model": [keras.Sequential([layers.UpSampling2D(64), layers.Conv2D(8, 300)])],
    "a window as wide as the map": [
        layers.UpSampling2D(16),
        layers.AveragePooling2D(999, strides=1, padding="same"),
    ],
    "a recurrence": [layers.UpSampling2D(16), layers.Reshape((-1, 3)), layers.GRU(2)],
    "maps that do not fit into memory": [many_maps],
    "attention to everything": [
        layers.UpSampling2D(4),
        layers.Reshape((-1, 3)),
        lambda x: layers.MultiHeadAttention(2, 2)(x, x),
    ],
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_model_that_costs_too_much_is_refused(tmp_path, name):
    costly = model(*COSTLY[name])
    with pytest.raises(ModelError, match=r"takes about .* a picture"):
        check_cost(tmp_path / "m.keras", costly)


def test_it_is_refused_when_it_is_loaded(tmp_path):
    model(*COSTLY["a wide kernel over a large map"]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="multiplications a picture"):
        load_keras(tmp_path / "m.keras")


def test_the_largest_model_of_poses_is_far_from_that(tmp_path):
    heavy = [layers.Conv2D(256, 3, padding="same") for _ in range(40)]
    check_cost(tmp_path / "m.keras", model(*heavy, size=(96, 96, 256)))
    assert MOST_PRODUCTS > 4 * 40 * 96 * 96 * 9 * 256 * 256
