import ctypes
from itertools import product

import numpy as np
import pytest
from support.export_library import Library, Picture, contract

from poseline.config.models.preprocessing import Resizing
from poseline.data.preprocess import Transform, resize

SIZES = [(37, 53), (128, 96), (40, 48), (80, 96), (1, 1), (3, 200), (640, 360), (39, 47)]


def pictures(channels):
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (h, w, channels), dtype=np.uint8) for w, h in SIZES]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = {}

    def get(**settings):
        key = str(settings)
        if key not in made:
            folder = tmp_path_factory.mktemp("library")
            made[key] = contract(**settings), Library(contract(**settings), folder)
        return made[key]

    return get


@pytest.mark.parametrize(
    ("interpolation", "aspect_ratio", "channels"),
    list(product(["nearest", "bilinear", "area"], ["fit", "padding"], [1, 3, 4])),
)
def test_pictures_are_resized_as_in_training(library, interpolation, aspect_ratio, channels):
    settings = {"interpolation": interpolation, "aspect_ratio": aspect_ratio}
    found, code = library(input_shape=(48, 40, channels), **settings)
    resizing = Resizing.model_validate(settings)
    # Area: OpenCV and TensorFlow sum up in float32, the code in whole numbers.
    most, share = (1, 0.02) if interpolation == "area" else (0, 0)
    for picture in pictures(channels):
        expected = resize(picture, found.input.shape, resizing).astype(int)
        away = np.abs(code.preprocess(picture).astype(int) - expected)
        assert away.max() <= most
        assert (away > 0).mean() <= share


def test_rows_may_have_more_bytes_than_their_pixels(library):
    _, code = library(interpolation="bilinear")
    (picture,) = pictures(3)[:1]
    np.testing.assert_array_equal(code.preprocess(picture, 53 * 3 + 7), code.preprocess(picture))


@pytest.mark.parametrize("aspect_ratio", ["fit", "padding"])
def test_points_go_back_to_the_picture(library, aspect_ratio):
    found, code = library(aspect_ratio=aspect_ratio)
    output = np.random.default_rng(0).uniform(0, 1, found.output.shape).astype(np.float32)
    persons = code.postprocess(output)
    for picture in pictures(3):
        size = (picture.shape[1], picture.shape[0])
        transform = Transform.of(size, found.input.shape, aspect_ratio)
        moved = code.to_picture(picture, persons)
        expected = transform.to_picture(persons["keypoints"][..., :2].astype(np.float64))
        np.testing.assert_array_equal(moved["keypoints"][..., :2], expected.astype(np.float32))


def test_arguments_are_checked(library):
    found, code = library(interpolation="bilinear")
    tensor = np.zeros(found.input.shape, np.uint8)
    pixels = np.zeros((10, 10, 3), np.uint8)
    place = ctypes.c_void_p(tensor.ctypes.data)

    def asked(width=10, height=10, stride=30, size=tensor.size, to=place, data=pixels.ctypes.data):
        picture = Picture(data, width, height, stride)
        size = ctypes.c_size_t(size)
        return code.status("poseline_preprocess", ctypes.byref(picture), to, size)

    assert asked() == 0
    assert asked(data=None) == asked(to=None) == 1
    assert code.status("poseline_preprocess", None, place, ctypes.c_size_t(tensor.size)) == 1
    for wrong in (
        {"width": 0},
        {"height": -1},
        {"width": 16385, "stride": 2**30},
        {"stride": 29},
        {"size": tensor.size - 1},
        {"height": 2**31 - 1},
    ):
        assert asked(**wrong) == 2, wrong
