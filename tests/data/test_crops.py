"""One sample a person: drawn frames whose every pixel is known, and real pictures of several."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.samples import ROOT
from support.small import network
from support.tiny_models import constant, save

from poseline.config.models.config import Config
from poseline.config.models.preprocessing import Preprocessing
from poseline.data.crops import Frame, cropped, seen
from poseline.data.input_cache import Pictures
from poseline.data.yolo import format_label, list_samples, read_label
from poseline.errors import DataError
from poseline.stages import convert, evaluate, predict, quantize, train
from poseline.training.checkpoint import save_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
REAL = ROOT.parent / "shared" / "data" / "coco-mini"
MARGIN = 0.125


def a_picture(folder, persons, size=(80, 40)):
    """Write a picture whose red is the column and whose green is the row."""
    folder.mkdir(exist_ok=True)
    columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    pixels = np.dstack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)
    cv2.imwrite(str(folder / "a.png"), pixels[..., ::-1])
    (folder / "a.txt").write_text(format_label(persons))
    return pixels


def person(box, *points):
    return box, points


def test_a_frame_has_the_shape_of_the_input_around_the_box(tmp_path):
    pixels = a_picture(
        tmp_path,
        [
            person((0.5, 0.5, 0.2, 0.4), (0.5, 0.5, 1), (0.45, 0.6, 1)),  # 16 x 16 px at (32, 12)
            person((0.025, 0.5, 0.05, 0.5), (0.0, 0.5, 1), (0.9, 0.5, 1)),  # at the left border
            person((0.8, 0.5, 0.2, 0.2), (0.0, 0.0, 0), (0.0, 0.0, 0)),  # without a keypoint
        ],
    )
    samples = cropped(list_samples(tmp_path), 2, 0.25)
    assert [sample.crop.person for sample in samples] == [0, 1]
    pictures = Pictures(samples, Preprocessing(), 2, [(24, 24)], cache_bytes=0)
    image, found = pictures.read(0, (24, 24))  # 16 px and a quarter on each side: 24 x 24
    np.testing.assert_array_equal(image, pixels[8:32, 28:52])
    np.testing.assert_allclose(found.keypoints, [[0.5, 0.5, 1], [8 / 24, 16 / 24, 1]], atol=1e-5)
    np.testing.assert_allclose(found.box, [0.5, 0.5, 16 / 24, 16 / 24], atol=1e-5)
    assert found.picture_size == (24, 24)
    assert found.area == pytest.approx(256, rel=1e-4)
    image, found = pictures.read(1, (24, 24))  # 4 x 20 px: 30 x 30 px, from 13 px left of it
    frame = pictures.frames[1]
    assert (frame.left, frame.top, frame.width, frame.height) == (-13, 5, 30, 30)
    assert not seen(samples[1], pixels, 2, (24, 24))[:, :13].any()
    np.testing.assert_array_equal(seen(samples[1], pixels, 2, (24, 24))[:, 13:], pixels[5:35, :17])
    np.testing.assert_allclose(found.keypoints, [[13 / 30, 0.5, 1], [0, 0, 0]], atol=1e-5)


@pytest.mark.parametrize("input_size", [(32, 64), (64, 32)])
def test_nothing_is_distorted(input_size):
    box = np.array([0.3, 0.6, 0.1, 0.3], np.float32)
    frame = Frame.around(box, (640, 480), input_size, MARGIN)
    assert frame.width / frame.height == pytest.approx(input_size[1] / input_size[0], rel=0.02)
    assert frame.width >= 64 * 1.25
    assert frame.height >= 144 * 1.25


def test_a_set_without_keypoints_is_told(tmp_path):
    a_picture(tmp_path, [person((0.5, 0.5, 0.2, 0.4), (0, 0, 0))])
    with pytest.raises(DataError, match="none of the 1 persons in 1 pictures"):
        cropped(list_samples(tmp_path), 1, MARGIN)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Four photographs of 14 persons, 12 of whom have keypoints."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is absent")
    settings = {"path": "-", "pose": "multi"}
    config = Config.model_validate({"dataset": {"keypoints": 17}, "conversion": settings})
    made = convert.run(config, {"source": REAL}, tmp_path_factory.mktemp("real") / "set")
    return next(made.out / part for part in ("train", "val") if (made.out / part / "").is_dir())


def settings(**dataset):
    return Config.model_validate(
        {
            "dataset": {"keypoints": 17, "crop_persons": True} | dataset,
            "training": {"batch_size": 4, "epochs": 1, "optimizer": "Adam"},
            "general": {"model_type": "heatmaps_spe"},
        }
    )


def test_real_persons_are_a_sample_each_with_their_own_keypoints(real):
    samples = cropped(list_samples(real), 17, MARGIN)
    assert len(samples) == 12
    pictures = Pictures(samples, Preprocessing(), 17, [(64, 48)], cache_bytes=0)
    for index, sample in enumerate(samples):
        image, found = pictures.read(index, (64, 48))
        assert image.shape == (64, 48, 3)
        frame = pictures.frames[index]
        labelled = read_label(sample.label, 17).keypoints[sample.crop.person]
        mine = found.keypoints[:, 2] > 0
        assert mine.sum() >= 0.9 * (labelled[:, 2] > 0).sum() > 0
        back = found.keypoints[mine, :2] * (frame.width, frame.height) + (frame.left, frame.top)
        np.testing.assert_allclose(back, labelled[mine, :2] * frame.picture_size, atol=0.01)


def test_evaluated_crops_are_told_in_px_of_the_whole_picture(real, tmp_path):
    model = save(constant(np.full((17, 3), 0.5)), tmp_path / "middle.keras")
    config = settings().model_copy(
        update={"general": settings().general.model_copy(update={"model_type": "spe"})}
    )
    result = evaluate.run(config, {"model": model, "test": real}, tmp_path / "out")
    found = json.loads(result.files["predictions"].read_text())
    assert result.summary["pictures"] == len(found) == 12
    samples = cropped(list_samples(real), 17, MARGIN)
    for entry, sample in zip(found, samples, strict=True):
        assert entry["file_name"] == sample.image.name
        height, width = cv2.imread(str(sample.image)).shape[:2]
        centre = read_label(sample.label, 17).boxes[sample.crop.person, :2] * (width, height)
        np.testing.assert_allclose(entry["keypoints"][:2], centre, atol=1.1)  # whole pixels
    assert 0 < result.metrics["oks"] < 0.5
    assert 0 <= result.metrics["ap"] <= 1


@pytest.mark.slow
def test_crops_through_training_calibration_and_a_prediction_of_whole_pictures(
    real, tmp_path, capfd
):
    save_model(network(), tmp_path / "start.h5")
    inputs = {"training": real, "validation": real, "model": tmp_path / "start.h5"}
    made = train.run(settings(), inputs, tmp_path / "trained")
    model = made.files["model"]
    assert json.loads(Path(f"{model}.json").read_text())["crop_margin"] == MARGIN
    quantized = quantize.run(settings(), {"model": model, "calibration": real}, tmp_path / "int8")
    assert quantized.metrics["calibration_pictures"] == 12
    assert "whole pictures" not in "".join(capfd.readouterr())
    predict.run(settings(), {"model": model, "images": real}, tmp_path / "poses")
    assert "trained on crops of persons, and is given whole pictures" in "".join(capfd.readouterr())
