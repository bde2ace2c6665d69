import cv2
import numpy as np
import pytest

from poseline.config.models.augmentation import Augmentation
from poseline.config.models.preprocessing import Rescaling
from poseline.data.augment.augmenter import Augmenter
from poseline.data.augment.scene import Scene
from poseline.data.keypoints import KNOWN
from poseline.errors import ConfigError

FLIP = KNOWN[17].flip


def scene(width=120, height=80, at=(0.6, 0.4)):
    image = np.zeros((height, width, 3), np.uint8)
    place = np.array(at) * (width, height)
    cv2.circle(
        image,
        tuple(np.rint((place - 0.5) * 16).astype(int)),
        16 * 6,
        (255, 255, 255),
        -1,
        cv2.LINE_AA,
        4,
    )
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 0] = (*at, 1)
    return Scene(image, keypoints, np.array([[0.5, 0.5, 0.4, 0.4]]), np.array([100.0]))


def apply(target, *steps, seed=0, rescaling=None):
    made = [Augmentation.model_validate(step) for step in steps]
    Augmenter(made, FLIP, target.image.shape[2], rescaling)(target, np.random.default_rng(seed))
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
    {"random_zoom": {"width_factor": 0.2}},
    {"random_sharpness": {"factor": [1, 1]}},
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


def test_a_zoom_around_the_person_leaves_their_centre_where_it_is():
    zoom = {"random_zoom": {"width_factor": [-0.5, -0.5], "relative_to": "person"}}
    flip = {"random_flip": {"mode": "horizontal", "change_rate": 1}}
    for steps, x in (((zoom,), 0.8), ((flip, zoom), 0.2)):
        target = scene(at=(0.8, 0.3))
        target.boxes = np.array([[0.8, 0.3, 0.1, 0.2]])
        moved = apply(target, *steps)
        np.testing.assert_allclose(moved.keypoints[0, 0], (x, 0.3, 1), atol=1e-9)
        np.testing.assert_allclose(moved.boxes[0], (x, 0.3, 0.2, 0.4), atol=1e-9)
        assert np.abs(centre(moved.image) - np.array([x, 0.3]) * (120, 80)).max() < 0.5


def test_a_shift_relative_to_the_person_is_a_share_of_the_box():
    shift = {"width_factor": [0.5, 0.5], "height_factor": [-0.25, -0.25], "relative_to": "person"}
    target = scene()
    target.boxes = np.array([[0.6, 0.4, 0.2, 0.4]])
    moved = apply(target, {"random_translation": shift})
    np.testing.assert_allclose(moved.keypoints[0, 0], (0.7, 0.3, 1), atol=1e-9)


def test_without_a_person_the_picture_stands_in_for_one():
    steps = {"random_zoom": {"width_factor": [0.2, 0.2]}}
    person = {"random_zoom": {"width_factor": [0.2, 0.2], "relative_to": "person"}}
    nobody = [scene(), scene()]
    for target in nobody:
        target.boxes = np.zeros((1, 4))
    one, other = apply(nobody[0], steps), apply(nobody[1], person)
    np.testing.assert_array_equal(one.image, other.image)


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
    rotation = {"random_rotation": {"factor": [0.1, 0.1]}}
    brightness = {"random_brightness": {"factor": 0.3}}
    assert (apply(scene(), rotation).image[0, 0] == 128).all()
    assert (apply(scene(), brightness, rotation).image[0, 0] == 128).all()
    assert (apply(scene(), rotation, brightness, seed=1).image[0, 0] != 128).all()


@pytest.mark.parametrize(
    ("value", "scale", "offset", "pixel"),
    [
        (-1, 1 / 127.5, -1, 0),
        (1, 1 / 127.5, -1, 255),
        (0, 1 / 127.5, -1, 128),
        (0.2, 1 / 255, 0, 51),
        (-1, 1 / 255, 0, 0),
        (9, 1 / 255, 0, 255),
    ],
)
def test_a_fill_value_counts_after_rescaling(value, scale, offset, pixel):
    rotation = {"random_rotation": {"factor": [0.1, 0.1], "fill_value": value}}
    moved = apply(scene(), rotation, rescaling=Rescaling(scale=scale, offset=offset))
    assert (moved.image[0, 0] == pixel).all()
    assert (moved.image[-1, -1] == pixel).all()


def _outside(index, count, mode):
    """Return which pixel stands for one that may be outside: along one axis of `count`."""
    if mode == "wrap":
        return index % count
    if mode == "nearest":
        return index.clip(0, count - 1)
    index = index % (2 * count)
    return np.minimum(index, 2 * count - 1 - index)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("mode", ["wrap", "reflect", "nearest"])
def test_what_comes_in_is_the_picture_itself(mode, flip):
    target, turns = scene(), 0.05
    target.image[:, :50], target.image[60:, 70:] = (200, 0, 60), (0, 100, 0)
    before = target.image.copy()
    y, x = np.mgrid[:80, :120] + 0.5 - np.array([40, 60])[:, None, None]
    cos, sin = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    column = _outside(np.floor(cos * x - sin * y + 60).astype(int), 120, mode)
    row = _outside(np.floor(sin * x + cos * y + 40).astype(int), 80, mode)
    expected = before[row, column][:, :: -1 if flip else 1]
    rotation = {"random_rotation": {"factor": [turns, turns], "fill_mode": mode}}
    steps = [rotation, {"random_flip": {"change_rate": 1}}] if flip else [rotation]
    moved = apply(target, *steps).image.astype(int)
    near = (abs(moved - expected) < 100).all(axis=2)
    assert near.mean() > 0.97  # but for the edges of the areas, which are resampled
    assert near[0, 0]
    assert near[-1, -1]


def test_movements_that_fill_differently_do_so_each_for_itself():
    black = {"random_rotation": {"factor": [0.1, 0.1], "fill_value": -1}}
    shift = {"random_translation": {"width_factor": [0.5, 0.5], "height_factor": 0}}
    moved = apply(scene(), black, shift).image
    assert (moved[:, :58] == 128).all()
    assert (moved[:, 62:] != 128).any(axis=2).all()
    assert (moved[0, 62] == 0).all()
    again = apply(scene(), shift, black).image
    assert (again[0, 0] == 0).all()
    assert (again == 128).all(axis=2).any()


def test_a_keypoint_that_leaves_the_picture_is_not_learned():
    moved = apply(scene(at=(0.95, 0.5)), {"random_translation": {"width_factor": [0.2, 0.2]}})
    assert moved.keypoints[0, 0, 2] == 0


def noise(channels=3, size=(40, 60)):
    image = np.random.default_rng(3).integers(0, 256, (*size, channels), np.uint8)
    return Scene(image, np.zeros((1, 17, 3)), np.zeros((1, 4)), np.zeros(1))


def expected(image, function):
    """A function of shares of the full range, rounded and clipped."""
    return np.rint(function(image / 255) * 255).clip(0, 255)


def hsv(image):
    import colorsys

    return np.array([colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3) / 255])


@pytest.mark.parametrize(
    ("step", "function"),
    [
        ({"random_gamma": {"gamma": 1.7}}, lambda x: x**1.7),
        ({"random_invert": {"change_rate": 1}}, lambda x: 1 - x),
        ({"random_posterize": {"bits": 3}}, lambda x: np.floor(x * 255 / 32) * 32 / 255),
        ({"random_brightness": {"factor": [0.2, 0.2]}}, lambda x: x + 0.2),
        ({"random_contrast": {"factor": [-0.5, -0.5]}}, lambda x: (x - x.mean()) / 2 + x.mean()),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_changes_of_value_are_their_formulas(step, function):
    before = noise().image
    found = apply(noise(), step).image
    assert np.abs(found - expected(before, function)).max() <= 1


def test_solarizing_turns_what_is_above_a_threshold_around():
    before, after = noise().image, apply(noise(), {"random_solarize": {"change_rate": 1}}).image
    turned = before != after
    np.testing.assert_array_equal(after[turned], 255 - before[turned])
    assert 0 < turned.sum() < turned.size
    assert before[turned].min() > before[~turned & (before != 127)].max() - 1


def test_autocontrast_cuts_and_stretches():
    target = noise()
    target.image = (target.image // 4 + 80).astype(np.uint8)
    after = apply(target, {"random_autocontrast": {"cutoff": 10, "change_rate": 1}}).image
    assert (after == 0).mean() == pytest.approx(0.1, abs=0.03)
    assert (after == 255).mean() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ({"random_hue": {"delta": [0.1, 0.1]}}, lambda h, s, v: ((h + 0.1) % 1, s, v)),
        ({"random_saturation": {"delta": [-0.3, -0.3]}}, lambda h, s, v: (h, max(s - 0.3, 0), v)),
        ({"random_value": {"delta": [0.2, 0.2]}}, lambda h, s, v: (h, s, min(v + 0.2, 1))),
        (
            {
                "random_hsv": {
                    "hue_delta": [0.05, 0.05],
                    "saturation_delta": [0.1, 0.1],
                    "value_delta": [-0.1, -0.1],
                }
            },
            lambda h, s, v: ((h + 0.05) % 1, min(s + 0.1, 1), max(v - 0.1, 0)),
        ),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_colours_change_as_pythons_own_hsv(step, change):
    import colorsys

    changed = [colorsys.hsv_to_rgb(*change(*pixel)) for pixel in hsv(noise().image)]
    found = apply(noise(), step).image.reshape(-1, 3)
    difference = np.abs(found - np.rint(np.array(changed) * 255))
    assert difference.mean() < 2  # HSV has 8 bits
    assert difference.max() <= 12


def test_hsv_takes_the_place_of_rgb():
    after = apply(noise(), {"random_rgb_to_hsv": {"change_rate": 1}}).image.reshape(-1, 3)
    difference = np.abs(after / 255 - hsv(noise().image))
    difference[:, 0] = np.minimum(difference[:, 0], 1 - difference[:, 0])
    assert difference.max() < 0.02


def test_without_colours_the_channels_stay():
    after = apply(noise(), {"random_rgb_to_grayscale": {"change_rate": 1}}).image
    assert after.shape == (40, 60, 3)
    assert (after[..., :1] == after).all()
    luma = noise().image @ [0.299, 0.587, 0.114]
    assert np.abs(after[..., 0] - luma).max() <= 1


def test_sharpening_raises_an_edge_and_leaves_a_plain():
    target = noise(1)
    target.image[:] = 100
    target.image[:, 30:] = 150
    after = apply(target, {"random_sharpness": {"factor": [1, 1]}}).image[..., 0]
    assert (after[:, [0, 10, 50, 59]] == [100, 100, 150, 150]).all()
    assert after[0, 29] < 95
    assert after[0, 30] > 155


def test_noise_has_the_deviation_that_was_asked_for():
    target = noise(size=(200, 200))
    target.image[:] = 128
    noisy = {"random_gaussian_noise": {"stddev": [0.05, 0.05], "change_rate": 1}}
    after = apply(target, noisy).image.astype(float)
    assert after.std() == pytest.approx(0.05 * 255, rel=0.03)
    assert after.mean() == pytest.approx(128, abs=0.3)


def test_rectangles_cover_what_was_asked_for():
    erasing = {"random_rectangle_erasing": {"nrec": 1, "area": 0.2, "wh_ratio": 2.0}}
    for seed in range(5):
        changed = (apply(noise(), erasing, seed=seed).image != noise().image).any(axis=2)
        rows, columns = changed.any(axis=1), changed.any(axis=0)
        assert rows.sum() * columns.sum() == pytest.approx(0.2 * changed.size, rel=0.1)
        assert columns.sum() / rows.sum() == pytest.approx(2, rel=0.15)
        assert changed[rows][:, columns].mean() > 0.95
    none = {"random_rectangle_erasing": {"nrec": (0, 0)}}
    np.testing.assert_array_equal(apply(noise(), none).image, noise().image)


def test_a_crop_shows_its_part():
    target = noise(size=(80, 120))
    target.image = cv2.GaussianBlur(target.image, (0, 0), 4)
    part = cv2.resize(target.image[20:60, 30:90], (120, 80), interpolation=cv2.INTER_LINEAR)
    crop = {"crop_center_x": 0.5, "crop_center_y": 0.5, "crop_width": 0.5, "crop_height": 0.5}
    after = apply(target, {"random_crop": crop | {"change_rate": 1}}).image
    assert np.abs(after.astype(int) - part)[2:-2, 2:-2].max() <= 2
    assert target.areas[0] == 0


def test_zooming_out_shows_more():
    near, far = ({"random_zoom": {"width_factor": [f, f]}} for f in (-0.5, 1.0))
    target = apply(scene(at=(0.6, 0.4)), near)
    np.testing.assert_allclose(target.keypoints[0, 0, :2], [0.7, 0.3])
    assert target.areas[0] == pytest.approx(400)
    target = apply(scene(at=(0.6, 0.4)), far)
    np.testing.assert_allclose(target.keypoints[0, 0, :2], [0.55, 0.45])
    wide = {"random_zoom": {"width_factor": [1, 1], "height_factor": [0, 0]}}
    np.testing.assert_allclose(apply(scene(at=(0.6, 0.4)), wide).keypoints[0, 0, :2], [0.55, 0.4])


EVERY = [name for name in Augmentation.model_fields if name != "random_periodic_resizing"]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", EVERY)
def test_every_step_with_its_defaults_takes_any_channels(name, channels):
    step = {name: {"change_rate": 1.0}}
    if channels == 1 and name in (
        "random_hue",
        "random_saturation",
        "random_value",
        "random_hsv",
        "random_rgb_to_hsv",
    ):
        with pytest.raises(ConfigError, match=f"data_augmentation.{name}: found grayscale"):
            apply(noise(channels), step)
        return
    before = noise(channels).image
    target = noise(channels)
    kept = target.image.copy()
    shown = target.image
    after = apply(target, step, seed=4).image
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    np.testing.assert_array_equal(shown, kept)  # the cache's own array
    if not (channels == 1 and name == "random_rgb_to_grayscale"):
        assert not np.array_equal(after, before)
    if (
        channels == 4
        and name not in ("random_blur", "random_sharpness")
        and not any(
            word in name for word in ("flip", "rotation", "translation", "shear", "zoom", "crop")
        )
    ):
        np.testing.assert_array_equal(after[..., 3], before[..., 3])
    rarely = apply(noise(channels), {name: {"change_rate": 0}}).image
    np.testing.assert_array_equal(rarely, before)


def test_steps_run_in_the_order_of_the_config():
    invert, gamma = {"random_invert": {"change_rate": 1}}, {"random_gamma": {"gamma": 2.0}}
    one, other = apply(noise(), invert, gamma).image, apply(noise(), gamma, invert).image
    before = noise().image
    assert np.abs(one - expected(before, lambda x: (1 - x) ** 2)).max() <= 1
    assert np.abs(other - expected(before, lambda x: 1 - x**2)).max() <= 1
