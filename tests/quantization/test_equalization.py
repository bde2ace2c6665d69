import numpy as np
import pytest
from support.tiny_models import SIDE, convolutional

from poseline.quantization.equalization import equalize


@pytest.mark.parametrize("relu6", [False, True])
def test_the_function_stays_the_same(relu6):
    model = convolutional(relu6=relu6)
    before = [weight.copy() for weight in model.get_weights()]
    twin = equalize(model)
    picture = np.random.default_rng(1).uniform(-1, 1, (4, SIDE, SIDE, 3)).astype(np.float32)
    exact, found = (m.predict(picture, verbose=0) for m in (model, twin))
    np.testing.assert_allclose(found, exact, atol=2e-6)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(not np.array_equal(a, b) for a, b in zip(before, twin.get_weights(), strict=True))


def test_ranges_of_consecutive_layers_agree():
    twin = equalize(convolutional())
    point, norm, last = twin.layers[7], twin.layers[8], twin.layers[9]
    gamma, _, _, variance = norm.get_weights()
    kernel = point.get_weights()[0] * gamma / np.sqrt(variance + norm.epsilon)
    out = np.abs(kernel).max(axis=(0, 1, 2))
    into = np.abs(last.get_weights()[0]).max(axis=(0, 1, 3))
    np.testing.assert_allclose(out, into, rtol=1e-4)


def test_the_real_model_stays_the_same():
    from poseline.config.models.training import Model
    from poseline.models import movenet

    model = movenet.build(Model(alpha=0.35, input_shape=(32, 32, 3), pretrained_weights=None), 17)
    picture = np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    exact, found = (m.predict(picture, verbose=0) for m in (model, equalize(model)))
    np.testing.assert_allclose(found, exact, atol=1e-5)
