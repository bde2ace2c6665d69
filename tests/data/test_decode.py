import cv2
import numpy as np
import pytest

from poseline.config.models.preprocessing import Resizing
from poseline.data.image_reading import read_picture, read_reduced
from poseline.data.preprocess import resize
from poseline.errors import DataError


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


def test_bytes_after_the_end_marker_do_no_harm(photo, tmp_path):
    """Phones put a video or their own notes there."""
    path = tmp_path / "phone.jpg"
    path.write_bytes(photo.read_bytes() + b"\0\0\x01\x0aImage_UTC_Data" + bytes(5000) + b"SEFT")
    np.testing.assert_array_equal(read_picture(path, "rgb"), read_picture(photo, "rgb"))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_picture_that_was_cut_off_is_damaged(photo, tmp_path, share):
    path = tmp_path / "cut.jpg"
    data = photo.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    with pytest.raises(DataError, match=r"cut\.jpg is damaged"):
        read_picture(path, "rgb")
