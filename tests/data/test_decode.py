import cv2
import numpy as np
import pytest

from poseline.config.preprocessing import Resizing
from poseline.data.decode_jpeg import read_picture, read_reduced
from poseline.data.preprocess import resize


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture with fine and coarse detail, its colours stored at full resolution."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (512, 768, 3), np.uint8)
    coarse = cv2.resize(random.integers(0, 256, (8, 12, 3), np.uint8), (768, 512))
    picture = cv2.addWeighted(cv2.GaussianBlur(noise, (0, 0), 1.5), 0.5, coarse, 0.5, 0)
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    cv2.imwrite(str(path), picture, [*full, cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


@pytest.mark.parametrize("mode", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("size", [(64, 96), (32, 96), (64, 32)])
def test_reduced_is_full_up_to_rounding(photo, mode, size):
    area = Resizing(interpolation="area", aspect_ratio="fit")
    reduced, factor = read_reduced(photo, mode, size)
    assert factor == 8
    assert reduced.shape[:2] == (64, 96)
    found = resize(reduced, size, area).astype(int)
    whole = resize(read_picture(photo, mode), size, area).astype(int)
    difference = np.abs(found - whole)
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.99) <= 1


@pytest.mark.parametrize("size", [(65, 96), (64, 95), (128, 192), (100, 100)])
def test_where_it_would_change_more_the_picture_is_decoded_whole(photo, size):
    picture, factor = read_reduced(photo, "rgb", size)
    assert factor == 1
    np.testing.assert_array_equal(picture, read_picture(photo, "rgb"))
