import ctypes

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.export_library import Library, contract
from support.heatmaps import CELLS, gaussians

from poseline.config.models.config import Config
from poseline.runtime.decode import decode_heatmaps
from poseline.runtime.pose_decoder import Decoder

# In shares of the input: the last bit of a float32, and what float32 smoothing may be away by.
EXACT, SMOOTHED = 6e-8, 2e-6


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = {}

    def get(**wanted):
        key = str(wanted)
        if key not in made:
            found = contract(**wanted)
            made[key] = found, Library(found, tmp_path_factory.mktemp("library"))
        return made[key]

    return get


@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
def test_heatmaps_are_read_as_in_python(library, decoding):
    _, code = library(decoding=decoding)
    maps = gaussians(100)
    expected = decode_heatmaps(maps, decoding)
    found = np.stack([code.postprocess(one)["keypoints"][0] for one in maps])
    np.testing.assert_array_equal(found[..., 2], expected[..., 2])
    away = np.abs(found - expected).max()
    assert away <= {"argmax": 0, "quadratic": EXACT, "dark": SMOOTHED}[decoding]
    scores = np.array([code.postprocess(one)["score"][0] for one in maps])
    np.testing.assert_allclose(scores, expected[..., 2].mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "zero"), [("int8", -128), ("uint8", 0), ("int8", 3)])
@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
def test_integer_heatmaps_are_dequantized(library, decoding, dtype, zero):
    scale = 1 / 256 + 1e-5
    _, code = library(decoding=decoding, dtype=dtype, scale=scale, zero_point=zero)
    limits = np.iinfo(dtype)
    whole = np.clip(np.rint(gaussians(20) / scale) + zero, limits.min, limits.max).astype(dtype)
    real = (whole.astype(np.float32) - zero) * np.float32(scale)
    expected = decode_heatmaps(real, decoding)
    found = np.stack([code.postprocess(one)["keypoints"][0] for one in whole])
    assert np.abs(found - expected).max() <= (SMOOTHED if decoding == "dark" else EXACT)


@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
def test_flat_heatmaps_ties_and_zeros_are_read_as_in_python(library, decoding):
    _, code = library(decoding=decoding)
    maps = np.zeros((4, *CELLS), np.float32)
    maps[1] = 0.5
    maps[2, 3, 4] = maps[2, 3, 5] = maps[2, 8, 1] = 1
    maps[3, 0, 0] = 1
    expected = decode_heatmaps(maps, decoding)
    found = np.stack([code.postprocess(one)["keypoints"][0] for one in maps])
    np.testing.assert_allclose(found, expected, atol=SMOOTHED)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays.arrays(np.float32, CELLS, elements=st.floats(width=32)))
def test_whatever_a_model_puts_out_keypoints_are_finite_and_inside(
    library, decoding, softmax, heatmaps
):
    _, code = library(decoding=decoding, logits=softmax)
    (person,) = code.postprocess(heatmaps)
    assert np.isfinite(person["keypoints"]).all()
    assert (person["keypoints"][:, :2] >= 0).all()
    assert (person["keypoints"][:, :2] <= 1).all()


def logits(count, seed=0):
    """Return logits whose softmax has one top each, some of them beyond what exp() can take."""
    random = np.random.default_rng(seed)
    spread = random.uniform(1, 400, (count, 1, 1, CELLS[2]))
    return (np.log(gaussians(count, seed) + 1e-6) * spread).astype(np.float32)


@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
def test_logits_are_read_as_in_python(library, decoding):
    _, code = library(decoding=decoding, logits=True)
    maps = logits(100)
    maps[0], maps[1], maps[2, 0, 0] = 0, -1e8, 900
    expected = decode_heatmaps(maps, decoding, logits=True)
    found = np.stack([code.postprocess(one)["keypoints"][0] for one in maps])
    assert np.abs(found[..., 2] - expected[..., 2]).max() <= EXACT
    away = np.abs(found[..., :2] - expected[..., :2]).max()
    assert away <= {"argmax": 0, "quadratic": EXACT, "dark": SMOOTHED}[decoding]


def test_integer_logits_are_dequantized(library):
    scale, zero = 0.31, 12
    _, code = library(decoding="quadratic", logits=True, dtype="int8", scale=scale, zero_point=zero)
    whole = np.clip(np.rint(logits(20) / 40 / scale) + zero, -128, 127).astype(np.int8)
    real = (whole.astype(np.float32) - zero) * np.float32(scale)
    expected = decode_heatmaps(real, "quadratic", logits=True)
    found = np.stack([code.postprocess(one)["keypoints"][0] for one in whole])
    assert np.abs(found - expected).max() <= EXACT


def test_nan_is_never_the_best_cell(library):
    _, code = library(decoding="argmax")
    maps = gaussians(1)[0]
    expected = code.postprocess(maps)
    spoilt = maps.copy()
    spoilt[0, 0], spoilt[5, 0], spoilt[0, 9] = np.nan, np.inf, -np.inf
    near = np.isin(maps.reshape(-1, 17).argmax(axis=0), (0, 50, 9))
    found = code.postprocess(spoilt)
    np.testing.assert_array_equal(found["keypoints"][0][~near], expected["keypoints"][0][~near])


def decoder(model_type, keypoints, shapes, input_shape=(48, 40, 3), **postprocessing):
    class Fake:
        format, metadata = "fake", None
        input_dtype = output_dtype = "float32"

    Fake.input_shape, Fake.output_shapes = input_shape, shapes
    return Decoder(
        Fake(),
        Config.model_validate(
            {
                "general": {"model_type": model_type},
                "dataset": {"keypoints": keypoints},
                "postprocessing": postprocessing,
            }
        ),
    )


@pytest.mark.parametrize(
    ("model_type", "keypoints", "shape"),
    [
        ("spe", 17, (17, 3)),
        ("spe", 13, (13, 2)),
        ("spe", 17, (1, 17, 3)),
        ("spe", 13, (39,)),
        ("hand_spe", 21, (63,)),
        ("hand_spe", 21, (21, 2)),
    ],
)
@pytest.mark.parametrize("largest", [1, 40])
def test_coordinates_are_read_as_in_python(library, model_type, keypoints, shape, largest):
    _, code = library(output_shape=shape, keypoints=keypoints, model_type=model_type)
    read = decoder(model_type, keypoints, [shape])
    random = np.random.default_rng(0)
    for _ in range(5):
        output = random.uniform(0, largest, shape).astype(np.float32)
        (expected,) = read.decode([output[None]])
        (found,) = code.postprocess(output)
        # The shares of a hand's pixels are divided in float64 there and in float32 here.
        np.testing.assert_allclose(found["keypoints"], expected.keypoints[0], atol=EXACT)
        assert found["score"] == pytest.approx(expected.scores[0], abs=1e-6, rel=1e-6)


def boxes(count, persons, seed, pixels):
    """Return (56, count): clusters of boxes about some persons, and noise."""
    random = np.random.default_rng(seed)
    centres = random.uniform(0.2, 0.8, (persons, 2))
    which = random.integers(0, persons, count)
    output = np.zeros((56, count), np.float32)
    output[:2] = (centres[which] + random.normal(0, 0.03, (count, 2))).T
    output[2:4] = random.uniform(0.15, 0.4, (2, count))
    output[4] = random.choice([0.0005, 0.2, 0.5, 0.9], count) * random.uniform(0.5, 1, count)
    output[5:] = random.uniform(0, 1, (51, count))
    if pixels:
        sides = np.ones(56)
        sides[[0, 2, *range(5, 56, 3)]], sides[[1, 3, *range(6, 56, 3)]] = 40, 48
        output *= sides[:, None].astype(np.float32)
    return output


@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_detection_boxes": 3, "NMS_thresh": 0.2},
        {"confidence_thresh": 0.6},
        {"NMS_thresh": 1.0},
    ],
)
def test_the_persons_of_yolo_are_those_of_python(library, limits, pixels):
    shape = (56, 300)
    _, code = library(output_shape=shape, model_type="yolo_mpe", **limits)
    read = decoder("yolo_mpe", 17, [shape], **limits)
    for seed in range(12):
        output = boxes(300, seed % 5 + 1, seed, pixels)
        (expected,) = read.decode([output[None]])
        found = code.postprocess(output)
        np.testing.assert_array_equal(found["score"], expected.scores)
        np.testing.assert_allclose(found["keypoints"], expected.keypoints, atol=EXACT)


def test_a_row_for_each_box_is_read_as_in_python(library):
    shape = (300, 56)
    _, code = library(output_shape=shape, model_type="yolo_mpe")
    read = decoder("yolo_mpe", 17, [shape])
    for seed in range(4):
        output = boxes(300, 3, seed, pixels=True).T
        (expected,) = read.decode([output[None]])
        found = code.postprocess(output)
        np.testing.assert_array_equal(found["score"], expected.scores)
        np.testing.assert_allclose(found["keypoints"], expected.keypoints, atol=EXACT)


@pytest.mark.parametrize("pixels", [False, True])
def test_boxes_that_the_model_has_suppressed_are_kept_as_in_python(library, pixels):
    shape = (300, 57)
    limits = {"max_detection_boxes": 5, "confidence_thresh": 0.2}
    _, code = library(output_shape=shape, model_type="yolo_mpe", **limits)
    read = decoder("yolo_mpe", 17, [shape], **limits)
    for seed in range(4):
        plain = boxes(300, 3, seed, pixels).T
        output = np.insert(plain, 5, 0, axis=1)  # the class
        output[:3, 4] = 0.2  # on the threshold
        (expected,) = read.decode([output[None]])
        found = code.postprocess(output)
        assert len(found) == 5
        np.testing.assert_array_equal(found["score"], expected.scores)
        np.testing.assert_allclose(found["keypoints"], expected.keypoints, atol=EXACT)


def test_no_box_is_no_person_and_nan_is_no_box(library):
    _, code = library(output_shape=(56, 300), model_type="yolo_mpe")
    assert len(code.postprocess(np.zeros((56, 300)))) == 0
    assert len(code.postprocess(np.full((56, 300), np.nan))) == 0
    assert len(code.postprocess(boxes(300, 5, 0, pixels=False), room=2)) == 2


def test_arguments_are_checked(library):
    found, code = library(decoding="argmax")
    output, persons = np.zeros(found.output.shape, np.float32), np.zeros(2000, np.uint8)
    count = ctypes.c_size_t(7)

    def asked(
        data=output.ctypes.data, size=output.size, to=persons.ctypes.data, room=1, into=count
    ):
        return code.status(
            "poseline_postprocess",
            ctypes.c_void_p(data),
            ctypes.c_size_t(size),
            ctypes.c_void_p(to),
            ctypes.c_size_t(room),
            None if into is None else ctypes.byref(into),
        )

    assert asked() == 0
    assert count.value == 1
    assert asked(data=None) == asked(to=None) == asked(into=None) == 1
    assert count.value == 0
    assert asked(size=output.size + 1) == asked(room=0) == 2
