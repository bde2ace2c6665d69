import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.config.models.preprocessing import Interpolation, Rescaling, Resizing
from poseline.data.preprocess import Transform, rescale, resize

side = st.integers(8, 900)


@given(side, side, st.sampled_from(["fit", "padding"]), st.floats(0, 1), st.floats(0, 1))
def test_points_go_to_the_input_and_back(width, height, aspect_ratio, x, y):
    transform = Transform.of((width, height), (96, 64, 3), aspect_ratio)
    point = np.array([[x * width, y * height]])
    there = transform.to_input(point)
    assert (there >= -1e-9).all()
    assert (there <= 1 + 1e-9).all()
    np.testing.assert_allclose(transform.to_picture(there), point, atol=1e-6)


@pytest.mark.parametrize("aspect_ratio", ["fit", "padding"])
@pytest.mark.parametrize("size", [(300, 200), (150, 400), (192, 192), (90, 60)])
def test_a_marker_stays_under_its_keypoint(aspect_ratio, size):
    width, height = size
    image = np.zeros((height, width, 1), np.uint8)
    at = np.array([width * 0.6, height * 0.35])
    cv2.circle(
        image,
        tuple(np.rint((at - 0.5) * 16).astype(int)),
        16 * max(width // 20, 4),
        255,
        -1,
        cv2.LINE_AA,
        4,
    )
    resized = resize(image, (96, 128), Resizing(aspect_ratio=aspect_ratio))[..., 0].astype(float)
    y, x = np.mgrid[:96, :128] + 0.5
    centre = np.array([(x * resized).sum(), (y * resized).sum()]) / resized.sum()
    expected = Transform.of(size, (96, 128), aspect_ratio).to_input(at[None])[0] * (128, 96)
    assert np.abs(centre - expected).max() < 0.5


@pytest.mark.parametrize("interpolation", Interpolation.__args__)
def test_every_interpolation_keeps_a_flat_picture(interpolation):
    image = np.full((40, 60, 3), 77, np.uint8)
    resized = resize(image, (32, 32), Resizing(interpolation=interpolation))
    assert resized.shape == (32, 32, 3)
    assert (resized == 77).all()


def test_rescaling_is_the_documents_formula():
    found = rescale(np.array([[[0, 255]]], np.uint8), Rescaling(scale=1 / 127.5, offset=-1))
    np.testing.assert_allclose(found, [[[-1, 1]]], atol=1e-6)
