"""What each type of model says, read from real files of every kind."""

import itertools

import numpy as np
import pytest
from support.tiny_models import SIDE, constant, save, save_onnx, seeing

from poseline.config.models.config import Config
from poseline.data.keypoints import KNOWN
from poseline.data.preprocess import Transform, resize
from poseline.errors import ModelError
from poseline.runtime import open_model
from poseline.runtime.pose_decoder import Decoder

KINDS = ("h5", "keras", "tflite", "onnx")
CHANNELS = (1, 3)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def config(model_type, keypoints, **postprocessing):
    return Config.model_validate(
        {
            "general": {"model_type": model_type},
            "dataset": {"keypoints": keypoints},
            "postprocessing": postprocessing,
        }
    )


def opened(folder, kind, values, channels=3):
    path = folder / f"m.{kind}"
    if kind == "onnx":
        return open_model(save_onnx(path, values, channels))
    return open_model(save(constant(values, channels), path))


def pictures(count=2, channels=3):
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (count, SIDE, SIDE, channels)).astype(np.float32)


def gaussians(centres, side=8, sigma=1.0):
    """Return heatmaps (side, side, K) with a peak at each centre, in cells."""
    y, x = np.mgrid[:side, :side][..., None]
    cx, cy = np.asarray(centres, np.float64).T
    return np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)).astype(np.float32)


@pytest.mark.parametrize(("kind", "count"), list(itertools.product(KINDS, (13, 17, 21))))
@pytest.mark.parametrize("channels", CHANNELS)
def test_heatmaps(tmp_path, kind, count, channels):
    random = np.random.default_rng(count)
    centres = random.uniform(1.5, 5.5, (count, 2))
    runtime = opened(tmp_path, kind, gaussians(centres), channels)
    assert runtime.output_shapes == [(8, 8, count)]
    truth = (centres + 0.5) / 8
    tolerance = {"argmax": 0.5 / 8 + 1e-6, "quadratic": 1e-3, "dark": 0.02}
    for decoding, most in tolerance.items():
        decoder = Decoder(runtime, config("heatmaps_spe", count, decoding=decoding))
        found = decoder.predict(pictures(channels=channels))
        assert len(found) == 2
        for person in found:
            assert person.keypoints.shape == (1, count, 3)
            assert np.abs(person.keypoints[0, :, :2] - truth).max() < most
            peaks = gaussians(centres).max(axis=(0, 1))
            np.testing.assert_allclose(person.keypoints[0, :, 2], peaks, atol=1e-5)
            assert abs(person.scores[0] - peaks.mean()) < 1e-5


@pytest.mark.parametrize(
    ("kind", "count", "columns"), list(itertools.product(KINDS, (13, 17, 21), (2, 3)))
)
def test_coordinates_of_one_person(tmp_path, kind, count, columns):
    values = np.random.default_rng(count).uniform(0, 1, (count, columns)).astype(np.float32)
    shapes = [(count, columns), (count * columns,), (1, count, columns)]
    shape = shapes[count % 3]
    runtime = opened(tmp_path, kind, values.reshape(shape))
    (first, _) = Decoder(runtime, config("spe", count)).predict(pictures())
    points = first.keypoints[0]
    np.testing.assert_allclose(points[:, 0], values[:, 1], atol=1e-5)
    np.testing.assert_allclose(points[:, 1], values[:, 0], atol=1e-5)
    expected = values[:, 2] if columns == 3 else np.ones(count)
    np.testing.assert_allclose(points[:, 2], expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["h5", "tflite"])
def test_a_hand_with_its_landmarks_in_metres_beside(tmp_path, kind):
    pixels = np.random.default_rng(0).uniform(0, SIDE, (63,)).astype(np.float32)
    path = save(constant(pixels, extra=pixels / 1000), tmp_path / f"hand.{kind}")
    runtime = open_model(path)
    assert runtime.output_shapes == [(63,), (63,)]
    (first, _) = Decoder(runtime, config("hand_spe", 21)).predict(pictures())
    shares = pixels.reshape(21, 3)[:, :2] / SIDE
    np.testing.assert_allclose(first.keypoints[0, :, :2], shares, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hand(tmp_path, kind):
    pixels = np.random.default_rng(1).uniform(0, SIDE, (63,)).astype(np.float32)
    (first, _) = Decoder(opened(tmp_path, kind, pixels), config("hand_spe", 21)).predict(pictures())
    shares = pixels.reshape(21, 3)[:, :2] / SIDE
    np.testing.assert_allclose(first.keypoints[0, :, :2], shares, atol=1e-5)


def candidates(count, unit=1.0):
    """Two persons apart, a double of the first, a faint third, and nothing else."""
    values = np.zeros((5 + 3 * count, 80), np.float32)
    rows = [
        (0.25, 0.5, 0.3, 0.6, 0.9),
        (0.75, 0.5, 0.3, 0.6, 0.8),
        (0.26, 0.5, 0.3, 0.6, 0.7),
        (0.5, 0.1, 0.1, 0.1, 0.05),
    ]
    for place, (x, y, w, h, score) in enumerate(rows):
        values[:4, place] = np.array([x, y, w, h]) * unit
        values[4, place] = score
        points = np.stack([np.full(count, x), np.linspace(0.2, 0.8, count)], axis=1) * unit
        values[5:, place] = np.concatenate([points, np.full((count, 1), 0.6)], axis=1).ravel()
    return values


@pytest.mark.parametrize(("kind", "count"), list(itertools.product(KINDS, (13, 17, 21))))
@pytest.mark.parametrize("unit", [1.0, SIDE])
def test_several_persons(tmp_path, kind, count, unit):
    runtime = opened(tmp_path, kind, candidates(count, unit))
    settings = config("yolo_mpe", count, confidence_thresh=0.1, NMS_thresh=0.5)
    (first, second) = Decoder(runtime, settings).predict(pictures())
    for found in (first, second):
        np.testing.assert_allclose(found.scores, [0.9, 0.8], atol=1e-5)
        np.testing.assert_allclose(found.keypoints[:, 0, 0], [0.25, 0.75], atol=1e-5)
        np.testing.assert_allclose(
            found.keypoints[0, :, 1], np.linspace(0.2, 0.8, count), atol=1e-5
        )
    (most, _) = Decoder(
        runtime, config("yolo_mpe", count, confidence_thresh=0.01, max_detection_boxes=1)
    ).predict(pictures())
    assert len(most.scores) == 1
    (none, _) = Decoder(runtime, config("yolo_mpe", count, confidence_thresh=0.95)).predict(
        pictures()
    )
    assert none.keypoints.shape == (0, count, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shape", "declared", "message"),
    [
        (
            (8, 8, 13),
            ("heatmaps_spe", 17),
            r"\(8, 8, 13\): that is heatmaps_spe with 13 keypoints; the config declares "
            r"heatmaps_spe with 17 keypoints, which is \(height, width, 17\)",
        ),
        ((17, 3), ("heatmaps_spe", 17), r"\(17, 3\): that is spe with 17 keypoints; .*height"),
        ((21, 3), ("spe", 17), r"that is hand_spe with 21 keypoints or spe with 21 .*\(17, 3\)"),
        ((56, 80), ("spe", 17), r"that is yolo_mpe with 17 keypoints; .*\(51,\) or \(34,\)"),
        ((8, 8, 17), ("yolo_mpe", 17), r"that is heatmaps_spe .* which is \(56, boxes\)"),
        ((5,), ("spe", 17), r"\(5,\), which is none of the known types; .*y before x"),
    ],
)
def test_a_model_that_does_not_fit_is_told_by_its_shapes(tmp_path, kind, shape, declared, message):
    runtime = opened(tmp_path, kind, np.zeros(shape, np.float32))
    with pytest.raises(ModelError, match=message) as error:
        Decoder(runtime, config(*declared))
    assert "general.model_type and dataset.keypoints" in error.value.remedy


def with_marker(size, at, channels):
    """A dark picture (height, width) of a size, with a bright blob centred at a place in px."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    radius = max(size) / 16
    blob = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2)) * 255
    return np.repeat(blob[..., None], channels, 2).astype(np.uint8)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("aspect_ratio", ["fit", "padding"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("decoding", ["quadratic", "dark"])
@pytest.mark.parametrize("size", [(128, 96), (96, 160), (128, 128)])
def test_a_marker_is_found_where_it_is(tmp_path, channels, aspect_ratio, flip, decoding, size):
    """Through padding, mirroring and decoding at once, to a tenth of a heatmap's cell."""
    settings = config("heatmaps_spe", 17, flip_test=flip, decoding=decoding)
    decoder = Decoder(open_model(save(seeing(17, channels), tmp_path / "m.keras")), settings)
    shape = (SIDE, SIDE, channels)
    for at in ((0.45, 0.4), (0.62, 0.58)):
        place = np.array(at) * size
        picture = with_marker(size, place, channels)
        resizing = Config.model_validate(
            {"preprocessing": {"resizing": {"aspect_ratio": aspect_ratio, "interpolation": "area"}}}
        ).preprocessing.resizing
        ready = resize(picture, shape, resizing).astype(np.float32)[None] / 255
        (found,) = decoder.predict(ready)
        transform = Transform.of(size, shape, aspect_ratio)
        back = transform.to_picture(found.keypoints[0, :, :2].astype(np.float64))
        cell = max(size) / 8
        assert np.abs(back - place).max() < 0.12 * cell


def test_flip_test_averages_with_the_mirrored_partner(tmp_path):
    """Left and right swap: a model that is wrong the same way on both sides is put right."""
    points = KNOWN[17]
    heatmaps = gaussians([(2 + (k % 3), 3) for k in range(17)])
    runtime = open_model(save(constant(heatmaps), tmp_path / "m.keras"))
    (found,) = Decoder(runtime, config("heatmaps_spe", 17, flip_test=True)).predict(pictures(1))
    (plain,) = Decoder(runtime, config("heatmaps_spe", 17)).predict(pictures(1))
    mean = (heatmaps + heatmaps[:, ::-1][..., list(points.flip)]) / 2
    np.testing.assert_allclose(found.keypoints[0, :, 2], mean.max(axis=(0, 1)), atol=1e-6)
    assert not np.allclose(found.keypoints[0, :, 2], plain.keypoints[0, :, 2])


def test_flip_test_of_other_types_is_left_out_and_said(tmp_path, capfd):
    values = np.full((17, 3), 0.5, np.float32)
    runtime = open_model(save(constant(values), tmp_path / "m.keras"))
    Decoder(runtime, config("spe", 17, flip_test=True)).predict(pictures())
    assert "flip_test is for heatmaps" in "".join(capfd.readouterr())


def test_the_way_of_decoding_comes_from_the_config_then_the_sidecar(tmp_path):
    from poseline.models.metadata import ModelMetadata

    path = save(seeing(), tmp_path / "m.keras")
    assert Decoder(open_model(path), config("heatmaps_spe", 17)).decoding == "argmax"
    ModelMetadata(
        name="m",
        model_type="heatmaps_spe",
        keypoints=KNOWN[17].names,
        skeleton=(),
        input_shape=(SIDE, SIDE, 3),
        output_shape=(8, 8, 17),
        decoding="quadratic",
        scale=1,
        offset=0,
        color_mode="rgb",
        interpolation="bilinear",
        aspect_ratio="fit",
    ).write(path)
    assert Decoder(open_model(path), config("heatmaps_spe", 17)).decoding == "quadratic"
    assert Decoder(open_model(path), config("heatmaps_spe", 17, decoding="dark")).decoding == "dark"


@pytest.mark.parametrize(
    ("boxes", "points"),
    [(1, 1), (32, 32), (1, 32), (32, 1)],
    ids=["shares", "px", "mixed", "other"],
)
@pytest.mark.parametrize("layout", ["columns", "rows"])
def test_yolo_boxes_and_keypoints_have_their_own_units(tmp_path, boxes, points, layout):
    candidates = np.zeros((56, 84), np.float32)
    candidates[:5, 7] = np.array([0.5, 0.5, 0.5, 0.9, 0]) * boxes
    candidates[4, 7] = 0.9
    candidates[5:, 7] = np.tile([0.25 * points, 0.75 * points, 0.8], 17)
    values = candidates if layout == "columns" else candidates.T
    (found,) = yolo(save_onnx(tmp_path / "m.onnx", values)).predict(one_picture())
    np.testing.assert_allclose(found.keypoints, np.tile([0.25, 0.75, 0.8], (1, 17, 1)), atol=1e-6)


def test_yolo_after_suppression_has_corners_and_a_class(tmp_path):
    rows = np.zeros((300, 57), np.float32)
    rows[0] = [4, 4, 20, 30, 0.9, 0, *np.tile([8, 24, 0.7], 17)]
    (found,) = yolo(save_onnx(tmp_path / "m.onnx", rows)).predict(one_picture())
    np.testing.assert_allclose(found.keypoints, np.tile([0.25, 0.75, 0.7], (1, 17, 1)), atol=1e-6)


def test_coordinates_that_are_neither_shares_nor_pixels_are_refused(tmp_path):
    candidates = np.zeros((56, 84), np.float32)
    candidates[:, 7] = [0.5, 0.5, 0.5, 0.9, 0.9, *np.tile([5000, 9, 0.8], 17)]
    with pytest.raises(ModelError, match="keypoints range from 9 to 5000"):
        yolo(save_onnx(tmp_path / "m.onnx", candidates)).predict(one_picture())


def yolo(path):
    config = Config.model_validate(
        {"general": {"model_type": "yolo_mpe"}, "dataset": {"keypoints": 17}}
    )
    return Decoder(open_model(path), config)


def one_picture():
    return np.zeros((1, 32, 32, 3), np.float32)
