import cv2
import numpy as np
import pytest

from poseline.config.augmentation import Augmentation
from poseline.data.augment import Augmenter, Scene
from poseline.data.keypoints import keypoint_set

FLIP = keypoint_set(17).flip


def scene(width=120, height=80, at=(0.6, 0.4)):
    image = np.zeros((height, width, 3), np.uint8)
    place = np.array(at) * (width, height)
    cv2.circle(image, tuple(np.rint((place - 0.5) * 16).astype(int)), 16 * 6, (255, 255, 255), -1,
               cv2.LINE_AA, 4)  # fmt: skip
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 0] = (*at, 1)
    return Scene(image, keypoints, np.array([[0.5, 0.5, 0.4, 0.4]]), np.array([100.0]))


def apply(target, *steps, seed=0):
    made = [Augmentation.model_validate(step) for step in steps]
    Augmenter(made, FLIP)(target, np.random.default_rng(seed))
    return target


def centre(image):
    bright = np.where(image[..., 0] > 200, image[..., 0].astype(float), 0)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return np.array([(x * bright).sum(), (y * bright).sum()]) / bright.sum()


STEPS = [
    {"random_flip": {"mode": "horizontal", "change_rate": 1}},
    {"random_flip": {"mode": "vertical", "change_rate": 1}},
    {"random_rotation": {"factor": 0.1}},
    {"random_translation": {"width_factor": 0.1, "height_factor": 0.1}},
    {"random_zoom": {"factor": 0.2}},
    {"random_blur": {"filter_size": [2, 4], "change_rate": 1}},
]


@pytest.mark.parametrize("size", [(120, 80), (64, 160), (100, 100)])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: next(iter(step)))
def test_a_marker_stays_under_its_keypoint(step, size):
    for seed in range(5):
        moved = apply(scene(*size), step, seed=seed)
        keypoint = moved.keypoints[0, 0]
        assert keypoint[2] == 1
        assert np.abs(centre(moved.image) - keypoint[:2] * size).max() < 0.5


def test_a_marker_stays_under_its_keypoint_through_all_steps():
    for seed in range(10):
        moved = apply(scene(at=(0.5, 0.5)), *STEPS, seed=seed)
        assert np.abs(centre(moved.image) - moved.keypoints[0, 0, :2] * (120, 80)).max() < 0.5


def test_flipping_twice_is_the_identity():
    before = scene()
    flip = {"random_flip": {"change_rate": 1}}
    after = apply(apply(scene(), flip), flip)
    np.testing.assert_array_equal(after.image, before.image)
    np.testing.assert_allclose(after.keypoints, before.keypoints)
    np.testing.assert_allclose(after.boxes, before.boxes)


def test_flipping_swaps_left_and_right():
    target = scene()
    target.keypoints[0, 5] = (0.2, 0.3, 1)
    moved = apply(target, {"random_flip": {"change_rate": 1}})
    np.testing.assert_allclose(moved.keypoints[0, 6], (0.8, 0.3, 1))


def test_what_comes_in_is_grey_and_later_steps_change_it():
    rotation, brightness = {"random_rotation": [0.1, 0.1]}, {"random_brightness": {"factor": 0.3}}
    rotation = {"random_rotation": {"factor": [0.1, 0.1]}}
    assert (apply(scene(), rotation).image[0, 0] == 128).all()
    assert (apply(scene(), brightness, rotation).image[0, 0] == 128).all()
    assert (apply(scene(), rotation, brightness, seed=1).image[0, 0] != 128).all()


def test_a_keypoint_that_leaves_the_picture_is_not_learned():
    moved = apply(scene(at=(0.95, 0.5)), {"random_translation": {"width_factor": [0.2, 0.2]}})
    assert moved.keypoints[0, 0, 2] == 0
