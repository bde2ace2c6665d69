"""A marker stays under its keypoint, and movements undo each other, at any size and shape."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from poseline.config.models.augmentation import Augmentation
from poseline.config.models.preprocessing import (
    AspectRatio,
    ColorMode,
    Interpolation,
    Preprocessing,
    Resizing,
)
from poseline.data.augment.augmenter import Augmenter
from poseline.data.augment.scene import Scene
from poseline.data.image_reading import CHANNELS
from poseline.data.input_cache import Pictures
from poseline.data.keypoints import KNOWN
from poseline.data.preprocess import Transform, resize
from poseline.data.yolo import Poses, Sample, format_label

FLIP = KNOWN[17].flip
side = st.integers(24, 420)
inner = st.floats(0.3, 0.7)


def blob(width, height, at, radius, channels=1):
    """A soft ellipse of 2σ = `radius` px around a place in px, on black."""
    y, x = np.mgrid[:height, :width] + 0.5
    shape = np.exp(-2 * (((x - at[0]) / radius[0]) ** 2 + ((y - at[1]) / radius[1]) ** 2))
    return np.repeat(np.rint(shape * 255).astype(np.uint8)[..., None], channels, axis=2)


def centre(image):
    """Where the brightness of the first channel is, in px."""
    bright = image[..., 0].astype(float)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return np.array([(x * bright).sum(), (y * bright).sum()]) / bright.sum()


@settings(max_examples=60, deadline=None)
@given(
    side,
    side,
    inner,
    inner,
    st.sampled_from(Interpolation.__args__),
    st.sampled_from(AspectRatio.__args__),
    st.sampled_from([(96, 96), (64, 128), (160, 96)]),
)
def test_a_marker_stays_under_its_keypoint_when_resized(width, height, x, y, method, fitting, size):
    transform = Transform.of((width, height), size, fitting)
    # Large enough for every method to see it: 8 px of the input, and 3 of the picture.
    radius = np.maximum(8 / transform.scale, 3)
    assume((radius < np.array([width, height]) * 0.25).all())
    at = np.array([x * width, y * height])
    picture = blob(width, height, at, radius)
    found = resize(picture, size, Resizing(interpolation=method, aspect_ratio=fitting))
    expected = transform.to_input(at[None])[0] * (size[1], size[0])
    assert np.abs(centre(found) - expected).max() < 0.5


@pytest.mark.parametrize("fitting", AspectRatio.__args__)
@pytest.mark.parametrize("method", Interpolation.__args__)
@pytest.mark.parametrize("mode", ColorMode.__args__)
def test_a_marker_stays_under_its_keypoint_from_the_file_on(tmp_path, method, fitting, mode):
    preprocessing = Preprocessing.model_validate(
        {"resizing": {"interpolation": method, "aspect_ratio": fitting}, "color_mode": mode}
    )
    samples, places = [], []
    for width, height in ((512, 384), (150, 331), (1024, 128)):
        at = np.array([0.62 * width, 0.41 * height])
        cv2.imwrite(
            str(tmp_path / f"{width}.jpg"), blob(width, height, at, (width / 9, height / 9), 3)
        )
        points = np.zeros((1, 17, 3), np.float32)
        points[0, 4] = (0.62, 0.41, 1)
        label = format_label(Poses(np.array([[0.5, 0.5, 0.5, 0.5]], np.float32), points))
        (tmp_path / f"{width}.txt").write_text(label)
        samples.append(Sample(tmp_path / f"{width}.jpg", tmp_path / f"{width}.txt"))
        places.append((width, height))
    pictures = Pictures(samples, preprocessing, 17, [(64, 128)])
    for index, size in enumerate(places):
        image, person = pictures.read(index, (64, 128))
        assert image.shape == (64, 128, CHANNELS[mode])
        assert person.picture_size == size
        assert np.flatnonzero(person.keypoints[:, 2]).tolist() == [4]
        # JPEG leaves a haze of a few levels on black.
        seen = np.where(image > 8, image, 0)
        assert np.abs(centre(seen) - person.keypoints[4, :2] * (128, 64)).max() < 0.5


def scene(width, height, at, channels=3):
    image = blob(width, height, np.array(at) * (width, height), (width / 12, height / 12), channels)
    if channels == 4:
        image[..., 3] = 255
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 9] = (*at, 1)
    return Scene(image, keypoints, np.array([[*at, 0.1, 0.1]]), np.array([100.0]))


def apply(target, *steps, seed=0):
    made = [Augmentation.model_validate(step) for step in steps]
    Augmenter(made, FLIP, target.image.shape[2])(target, np.random.default_rng(seed))
    return target


share = st.floats(-0.15, 0.15)
MOVEMENTS = st.one_of(
    st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"]).map(
        lambda mode: {"random_flip": {"mode": mode, "change_rate": 1}}
    ),
    share.map(lambda f: {"random_rotation": {"factor": [f, f]}}),
    st.tuples(share, share).map(
        lambda f: {"random_translation": {"width_factor": [f[0]] * 2, "height_factor": [f[1]] * 2}}
    ),
    st.tuples(share, share).map(
        lambda f: {"random_zoom": {"width_factor": [f[0]] * 2, "height_factor": [f[1]] * 2}}
    ),
    share.map(lambda f: {"random_zoom": {"width_factor": [f, f]}}),
    share.map(lambda f: {"random_shear": {"factor": [f, f]}}),
    share.map(lambda f: {"random_shear_x": {"factor": [f, f]}}),
    share.map(lambda f: {"random_shear_y": {"factor": [f, f]}}),
    st.just(
        {
            "random_crop": {
                "crop_width": [0.7, 0.9],
                "crop_height": [0.7, 0.9],
                "crop_center_x": [0.45, 0.55],
                "crop_center_y": [0.45, 0.55],
                "change_rate": 1,
            }
        }
    ),
)


@settings(max_examples=120, deadline=None)
@given(
    st.integers(48, 260),
    st.integers(48, 260),
    st.floats(0.42, 0.58),
    st.floats(0.42, 0.58),
    st.lists(MOVEMENTS, min_size=1, max_size=3),
    st.sampled_from([1, 3, 4]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_marker_stays_under_its_keypoint_when_moved(
    width, height, x, y, steps, channels, apart, seed
):
    if apart:  # a change of value between them keeps the movements from being gathered
        steps = [s for step in steps for s in (step, {"random_contrast": {"factor": 0}})]
    moved = apply(scene(width, height, (x, y), channels), *steps, seed=seed)
    mirrors = sum(
        (step["random_flip"]["mode"] != "horizontal_and_vertical")
        for step in steps
        if "random_flip" in step
    )
    visible = np.flatnonzero(moved.keypoints[0, :, 2])
    assume(visible.size)  # three movements may carry it out of the picture
    assert visible.size == 1
    index = int(visible[0])
    if not any(
        step.get("random_flip", {}).get("mode") == "horizontal_and_vertical" for step in steps
    ):
        assert index == (FLIP[9] if mirrors % 2 else 9)
    box = moved.boxes[0]
    low, high = box[:2] - box[2:] / 2, box[:2] + box[2:] / 2
    assume((low > 0.08).all() and (high < 0.92).all())  # the edge cuts no marker and no box
    # What came in is grey: take the brighter part alone, the same way round on all sides.
    seen = np.clip(moved.image.astype(int) - 136, 0, None)
    expected = moved.keypoints[0, index, :2] * (width, height)
    assert np.abs(centre(seen) - expected).max() < 0.5
    assert (np.abs(box[:2] - moved.keypoints[0, index, :2]) < 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(30, 120),
    st.integers(30, 120),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 4]),
    st.sampled_from(["horizontal", "vertical"]),
)
def test_flipping_twice_is_the_identity(width, height, seed, channels, mode):
    random = np.random.default_rng(seed)
    before = Scene(
        random.integers(0, 256, (height, width, channels), np.uint8),
        np.concatenate([random.random((2, 17, 2)), np.ones((2, 17, 1))], axis=2),
        random.uniform(0.3, 0.4, (2, 4)),
        random.random(2),
    )
    after = Scene(before.image, before.keypoints, before.boxes, before.areas)
    flip = {"random_flip": {"mode": mode, "change_rate": 1}}
    once = apply(after, flip)
    assert not np.array_equal(once.keypoints, before.keypoints)
    np.testing.assert_array_equal(
        once.image, before.image[:, ::-1] if mode == "horizontal" else before.image[::-1]
    )
    twice = apply(once, flip)
    np.testing.assert_array_equal(twice.image, before.image)
    np.testing.assert_allclose(twice.keypoints, before.keypoints, atol=1e-12)
    np.testing.assert_allclose(twice.boxes, before.boxes, atol=1e-12)
    np.testing.assert_allclose(twice.areas, before.areas)


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 160), st.integers(60, 160), st.floats(0.02, 0.5), st.booleans())
def test_rotating_and_back_is_the_identity(width, height, turns, gathered):
    before = scene(width, height, (0.5, 0.45))
    there, back = ({"random_rotation": {"factor": [t, t]}} for t in (turns, -turns))
    between = [] if gathered else [{"random_contrast": {"factor": 0}}]
    after = apply(scene(width, height, (0.5, 0.45)), there, *between, back)
    np.testing.assert_allclose(after.keypoints, before.keypoints, atol=1e-9)
    np.testing.assert_allclose(after.areas, before.areas)
    y, x = np.mgrid[:height, :width] + 0.5
    disc = np.hypot(x - width / 2, y - height / 2) < min(width, height) / 2 - 2
    difference = np.abs(after.image.astype(int) - before.image)[disc]
    assert difference.max() <= (1 if gathered else 24)
    corner = after.image[0, 0]
    if math.hypot(width, height) / 2 > max(width, height) / 2 + 3 and 0.1 < turns < 0.15:
        assert (corner == 128).all() or (corner == before.image[0, 0]).all()
