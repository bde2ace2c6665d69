import contextlib
import io
import json

import cv2
import numpy as np
import pytest
from support.tiny_models import constant, convolutional, convolutional_onnx, save, seeing

from poseline.config.models.config import Config
from poseline.data.keypoints import KNOWN
from poseline.errors import DataError, ModelError
from poseline.metrics.coco import NAMES
from poseline.stages import evaluate
from poseline.store.manifest import Manifest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def config(model_type="heatmaps_spe", keypoints=17, aspect_ratio="fit", **postprocessing):
    return Config.model_validate(
        {
            "general": {"model_type": model_type},
            "dataset": {"keypoints": keypoints},
            "preprocessing": {
                "rescaling": {"scale": 1 / 255, "offset": 0},
                "resizing": {"aspect_ratio": aspect_ratio, "interpolation": "area"},
            },
            "postprocessing": postprocessing,
        }
    )


def a_set(folder, poses, size=(64, 48), count=17):
    """Write black pictures with a person each: box the whole picture, keypoints as shares."""
    folder.mkdir()
    for number, points in enumerate(poses):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.zeros((size[1], size[0], 3), np.uint8))
        values = " ".join(f"{x:.6f} {y:.6f} {v:.0f}" for x, y, v in points)
        (folder / f"{number}.txt").write_text(f"0 0.5 0.5 1 1 {values}\n")
    return folder


@pytest.mark.parametrize("count", [13, 17, 21])
@pytest.mark.parametrize("aspect_ratio", ["fit", "padding"])
def test_figures_are_those_of_a_hand_computed_case(tmp_path, count, aspect_ratio):
    """A model that always says the middle; truth a known distance away from it."""
    size, away = (64, 48), 3.0
    points = np.full((count, 3), 0.5)
    points[:, 0] += away / size[0]
    points[:, 2] = np.arange(count) % 3 > 0
    test = a_set(tmp_path / "set", [points, points], size, count)
    model = save(constant(np.full((count, 3), 0.5)), tmp_path / "m.keras")
    settings = config("spe", count, aspect_ratio)
    result = evaluate.run(settings, {"model": model, "test": test}, tmp_path / "out")
    sigmas = np.asarray(KNOWN[count].sigmas)
    area = size[0] * size[1] * 0.53
    similarity = np.exp(-(away**2) / (2 * area * (2 * sigmas) ** 2))
    seen = points[:, 2] > 0
    assert result.metrics["oks"] == pytest.approx(similarity[seen].mean(), abs=1e-4)
    assert result.metrics["pck"] == 1.0
    per_keypoint = result.summary["oks_per_keypoint"]
    assert set(per_keypoint) == set(KNOWN[count].names)
    for name, value, known in zip(KNOWN[count].names, similarity, seen, strict=True):
        found = per_keypoint[name]
        assert found == pytest.approx(value, abs=1e-4) if known else np.isnan(found)
    assert result.metrics["pictures_per_s"] > 0


def test_the_results_are_coco_results_and_give_the_same_ap(yolo, tmp_path):
    """What predictions.json says, read by pycocotools, gives the AP that the stage logged."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from poseline.data.shards import samples_of
    from poseline.data.yolo import read_label
    from poseline.metrics.coco import ground_truth

    model = save(convolutional(), tmp_path / "m.keras")
    result = evaluate.run(config(), {"model": model, "test": yolo / "val"}, tmp_path / "out")
    samples = samples_of(yolo / "val")
    boxes, keypoints, sizes = [], [], []
    for sample in samples:
        height, width = cv2.imread(str(sample.image)).shape[:2]
        poses = read_label(sample.label, 17)
        scale = np.array([width, height], float)
        corners = (poses.boxes[:, :2] - poses.boxes[:, 2:] / 2) * scale
        boxes.append(np.concatenate([corners, poses.boxes[:, 2:] * scale], axis=1))
        keypoints.append(poses.keypoints * np.array([*scale, 1]))
        sizes.append((width, height))
    points = KNOWN[17]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = ground_truth(sizes, boxes, keypoints, points)
        reference.createIndex()
        found = reference.loadRes(json.loads(result.files["predictions"].read_text()))
        oracle = COCOeval(reference, found, "keypoints")
        oracle.params.kpt_oks_sigmas = np.asarray(points.sigmas)
        oracle.evaluate()
        oracle.accumulate()
        oracle.summarize()
    ours = [result.metrics.get(name, -1.0) for name in NAMES]
    np.testing.assert_allclose(ours, oracle.stats, atol=1e-6)


@pytest.mark.parametrize("kind", ["h5", "keras", "tflite", "onnx"])
@pytest.mark.parametrize("channels", ["rgb", "grayscale"])
def test_every_kind_of_file_and_colour(yolo, tmp_path, kind, channels):
    if kind == "onnx" and channels == "grayscale":
        pytest.skip("the tiny .onnx takes three channels")
    path = tmp_path / f"m.{kind}"
    if kind == "onnx":
        convolutional_onnx(path)
    else:
        save(convolutional(channels=3 if channels == "rgb" else 1), path)
    data = config(plot_metrics=True, flip_test=True).model_dump(mode="json")
    data["preprocessing"]["color_mode"] = channels
    inputs = {"model": path, "test": yolo / "val"}
    result = evaluate.run(Config.model_validate(data), inputs, tmp_path / "out")
    assert set(result.files) == {
        "metrics",
        "predictions",
        "points",
        "keypoints",
        "curves",
        "precision",
    }
    assert 0 <= result.metrics["oks"] <= 1
    assert result.summary["model_kb"] * 1024 == path.stat().st_size
    Manifest.read(result.out).verify(result.out)


def test_a_model_of_another_colour_is_told(yolo, tmp_path):
    path = save(convolutional(channels=1), tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"takes 1 channel.*rgb"):
        evaluate.run(config(), {"model": path, "test": yolo / "val"}, tmp_path / "out")


def test_padding_and_flip_test_together_find_the_markers(tmp_path):
    """Pictures of several shapes with a bright spot where the label says."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number, (width, height) in enumerate(((128, 96), (96, 160), (160, 96))):
        at = np.array([0.42, 0.57]) * (width, height)
        y, x = np.mgrid[:height, :width] + 0.5
        spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (max(width, height) / 16) ** 2))
        picture = np.repeat((spot * 255)[..., None], 3, 2).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
        points = " ".join(["0.42 0.57 1"] * 17)
        (folder / f"{number}.txt").write_text(f"0 0.5 0.5 1 1 {points}\n")
    model = save(seeing(), tmp_path / "m.keras")
    for aspect_ratio in ("fit", "padding"):
        for flip in (False, True):
            settings = config("heatmaps_spe", 17, aspect_ratio, flip_test=flip, decoding="dark")
            out = tmp_path / f"{aspect_ratio}{flip}"
            result = evaluate.run(settings, {"model": model, "test": folder}, out)
            assert result.metrics["oks"] > 0.93, (aspect_ratio, flip)


def test_what_cannot_be_evaluated_leaves_nothing(tmp_path):
    model = save(constant(np.zeros((17, 3))), tmp_path / "m.keras")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError):
        evaluate.run(config("spe"), {"model": model, "test": empty}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_is_reported_by_its_name(tmp_path):
    test = a_set(tmp_path / "set", [np.full((17, 3), 0.5)] * 3)
    picture = test / "1.jpg"
    picture.write_bytes(picture.read_bytes()[:300])
    model = save(constant(np.full((17, 3), 0.5)), tmp_path / "m.keras")
    with pytest.raises(DataError, match=r"1\.jpg is damaged") as caught:
        evaluate.run(config("spe"), {"model": model, "test": test}, tmp_path / "out")
    assert caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_the_chips_arithmetic_is_evaluated_beside_litert(yolo, tmp_path):
    settings = config()
    settings = settings.model_copy(
        update={"evaluation": settings.evaluation.model_copy(update={"target": "tflm"})}
    )
    model = save(convolutional(), tmp_path / "m.tflite")
    given = {"model": model, "test": yolo / "val"}
    host = evaluate.run(config(), given, tmp_path / "host")
    chip = evaluate.run(settings, given, tmp_path / "chip")
    assert chip.summary["format"] == "tflm"
    assert chip.metrics["host_oks"] == pytest.approx(host.metrics["oks"], abs=1e-9)
    assert chip.metrics["oks"] == pytest.approx(host.metrics["oks"], abs=1e-3)
    assert 0 < chip.metrics["largest_difference"] < 1e-5
    assert "host_oks" not in host.metrics


def test_a_model_that_tflm_does_not_take_is_evaluated_in_its_own_runtime(yolo, tmp_path):
    """A chain has its float model beside the int8 one, under the same settings."""
    settings = Config.model_validate(
        config().model_dump(mode="json") | {"evaluation": {"target": "tflm"}}
    )
    model = save(convolutional(), tmp_path / "m.keras")
    found = evaluate.run(settings, {"model": model, "test": yolo / "val"}, tmp_path / "out")
    assert found.summary["format"] == "keras"
    assert "host_oks" not in found.metrics
