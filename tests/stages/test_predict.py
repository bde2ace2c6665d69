import contextlib
import io
import json

import cv2
import numpy as np
import pytest
from support.tiny_models import constant, convolutional, convolutional_onnx, save

from poseline.config.models.config import Config
from poseline.config.models.steps import Step
from poseline.errors import DataError
from poseline.runner.step import run_task
from poseline.stages import predict

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def config(model_type="heatmaps_spe", keypoints=17, **postprocessing):
    return Config.model_validate(
        {
            "general": {"model_type": model_type},
            "dataset": {"keypoints": keypoints},
            "prediction": {"test_files_path": "-"},
            "postprocessing": postprocessing,
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Pictures of several shapes and formats, one below another, one that is none."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    shapes = {"a.jpg": (48, 64, 3), "b.png": (64, 48, 3), "below/c.bmp": (32, 32, 3)}
    for name, shape in (shapes | {"grey.jpg": (40, 40)}).items():
        cv2.imwrite(str(folder / name), np.full(shape, 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.mark.parametrize("kind", ["keras", "tflite", "onnx"])
def test_a_folder(folder, tmp_path, kind):
    path = tmp_path / f"m.{kind}"
    convolutional_onnx(path) if kind == "onnx" else save(convolutional(), path)
    result = predict.run(config(), {"model": path, "images": folder}, tmp_path / "out")
    assert result.metrics.pop("pictures_per_s") > 0
    assert result.metrics == {"pictures": 4, "unreadable": 1}
    assert result.summary["unreadable"] == [str(folder / "broken.jpg")]
    for name, shape in (
        ("a", (48, 64)),
        ("b", (64, 48)),
        ("below/c", (32, 32)),
        ("grey", (40, 40)),
    ):
        drawn = cv2.imread(str(tmp_path / "out" / "pictures" / f"{name}.jpg"))
        assert drawn.shape[:2] == shape
        assert np.abs(drawn.astype(int) - 90).max() > 40  # something was drawn
    sheet = cv2.imread(str(result.files["contact_sheet"]))
    assert sheet.shape[0] > 300


def test_results_are_those_that_pycocotools_loads(folder, tmp_path):
    from pycocotools.coco import COCO

    path = save(convolutional(), tmp_path / "m.keras")
    result = predict.run(config(), {"model": path, "images": folder}, tmp_path / "out")
    listed = json.loads(result.files["predictions"].read_text())
    assert {e["file_name"] for e in listed} == {"a.jpg", "b.png", "below/c.bmp", "grey.jpg"}
    truth = {
        "images": [{"id": e["image_id"], "file_name": e["file_name"]} for e in listed],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = truth
        reference.createIndex()
        found = reference.loadRes(listed)
    assert sorted({e["image_id"] for e in found.loadAnns(found.getAnnIds())}) == [1, 2, 3, 5]
    for entry in found.loadAnns(found.getAnnIds()):
        assert len(entry["keypoints"]) == 51
        assert entry["category_id"] == 1
        assert entry["image_id"] in (1, 2, 3, 5)


@pytest.mark.parametrize("source", ["picture", "folder", "uri of a picture", "uri of a folder"])
def test_every_way_to_name_pictures(folder, tmp_path, source):
    path = save(convolutional(), tmp_path / "m.keras")
    one = folder / "a.jpg"
    images = {
        "picture": str(one),
        "folder": str(folder),
        "uri of a picture": one.as_uri(),
        "uri of a folder": folder.as_uri(),
    }[source]
    inputs = {"model": str(path), "images": images}
    result = run_task(Step("predict", "predict"), config(), inputs, tmp_path / "out")
    assert result.metrics["pictures"] == (1 if "picture" in source else 4)


def test_coordinates_are_in_pixels_of_the_picture(folder, tmp_path):
    values = np.tile([0.25, 0.75, 0.9], (17, 1))
    path = save(constant(values), tmp_path / "m.keras")
    settings = config("spe")
    result = predict.run(settings, {"model": path, "images": folder / "a.jpg"}, tmp_path / "out")
    (entry,) = json.loads(result.files["predictions"].read_text())
    np.testing.assert_allclose(entry["keypoints"], [48, 12, 0.9] * 17, atol=1e-3)
    assert entry["score"] == pytest.approx(0.9, abs=1e-5)


def test_nobody_seen_is_a_picture_without_entries(folder, tmp_path):
    path = save(constant(np.zeros((56, 80))), tmp_path / "m.keras")
    settings = config("yolo_mpe", confidence_thresh=0.5)
    result = predict.run(settings, {"model": path, "images": folder}, tmp_path / "out")
    assert json.loads(result.files["predictions"].read_text()) == []
    assert result.metrics["pictures"] == 4


def test_flip_test_counts_here_too(folder, tmp_path):
    path = save(convolutional(), tmp_path / "m.keras")
    inputs = {"model": path, "images": folder / "b.png"}
    scores = []
    for flip in (False, True):
        result = predict.run(config(flip_test=flip), inputs, tmp_path / f"out{flip}")
        scores.append(json.loads(result.files["predictions"].read_text())[0]["score"])
    assert scores[0] != scores[1]


def test_no_picture_at_all_is_told(tmp_path):
    path = save(convolutional(), tmp_path / "m.keras")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        predict.run(config(), {"model": path, "images": tmp_path / "empty"}, tmp_path / "out")
    (tmp_path / "empty" / "x.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 pictures"):
        predict.run(config(), {"model": path, "images": tmp_path / "empty"}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_numbers_that_coco_gave_are_kept(tmp_path):
    (tmp_path / "coco").mkdir()
    for name in ("000000000785", "000000040083"):
        cv2.imwrite(str(tmp_path / "coco" / f"{name}.jpg"), np.zeros((32, 32, 3), np.uint8))
    path = save(constant(np.full((17, 3), 0.5)), tmp_path / "m.tflite")
    inputs = {"model": path, "images": tmp_path / "coco"}
    result = predict.run(config("spe"), inputs, tmp_path / "out")
    listed = json.loads(result.files["predictions"].read_text())
    assert [entry["image_id"] for entry in listed] == [785, 40083]
