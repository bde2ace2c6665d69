import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

from poseline.config.config import Config
from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError
from poseline.stages import convert

SHARED = ROOT.parent / "shared" / "data" / "coco-mini"


def config(pose="single", keypoints=17):
    return Config.model_validate(
        {"dataset": {"keypoints": keypoints}, "conversion": {"path": "-", "pose": pose}}
    )


def person(image_id, **changes):
    keypoints = np.tile([10.0, 20, 2], (17, 1))
    entry = {"image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": [5, 5, 30, 40],
             "area": 1, "keypoints": keypoints.ravel().tolist()}  # fmt: skip
    return entry | changes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six pictures, each with its own fault but the first."""
    folder = tmp_path / "coco"
    folder.mkdir()
    names = ["good", "two", "crowd", "flat", "hidden", "cut"]
    for name in names:
        cv2.imwrite(str(folder / f"{name}.jpg"), np.full((80, 100, 3), 90, np.uint8))
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    images = [{"id": i, "file_name": f"{n}.jpg", "width": 100, "height": 80}
              for i, n in enumerate([*names, "missing", "good"])]  # fmt: skip
    annotations = [
        person(0), person(1), person(1), person(2, iscrowd=1), person(3, bbox=[5, 5, 0, 40]),
        person(4, keypoints=[0] * 51), person(5), person(6), person(99),
    ]  # fmt: skip
    text = json.dumps({"images": images, "annotations": annotations})
    (folder / "person_keypoints_val.json").write_text(text)
    return folder


def test_what_is_kept_and_dropped_is_counted(source, tmp_path):
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    counts = result.summary["counts"]["val"]
    assert counts["kept"] == 1
    for reason in ("several_persons", "crowd", "no_area", "no_visible_keypoints", "corrupt",
                   "missing", "duplicate", "unknown_image"):  # fmt: skip
        assert counts[reason] == 1, reason
    (sample,) = list_samples(result.out / "val")
    poses = read_label(sample.label, 17)
    np.testing.assert_allclose(poses.boxes, [[0.2, 0.3125, 0.3, 0.5]], atol=1e-6)
    np.testing.assert_allclose(poses.keypoints[0, 0], [0.1, 0.25, 1], atol=1e-6)


def test_a_box_outside_of_the_picture_is_cut(source, tmp_path):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    data["annotations"] = [person(0, bbox=[-10, 60, 60, 60])]
    path.write_text(json.dumps(data))
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    (sample,) = list_samples(result.out / "val")
    np.testing.assert_allclose(
        read_label(sample.label, 17).boxes, [[0.25, 0.875, 0.5, 0.25]], atol=1e-6
    )


def test_thirteen_keypoints_have_one_head(source, tmp_path):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    points = np.array(person(0)["keypoints"]).reshape(17, 3)
    points[0] = 30, 40, 1
    points[2:5] = 0
    data["annotations"] = [person(0, keypoints=points.ravel().tolist())]
    path.write_text(json.dumps(data))
    result = convert.run(config(keypoints=13), {"source": source}, tmp_path / "out")
    (sample,) = list_samples(result.out / "val")
    head = read_label(sample.label, 13).keypoints[0, 0]
    np.testing.assert_allclose(head, [0.2, 0.375, 1], atol=1e-6)


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a\\..\\..\\x.jpg"])
def test_a_file_name_that_leaves_the_folder_is_refused(source, tmp_path, name):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    data["images"][0]["file_name"] = name
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="leaves the folder"):
        convert.run(config(), {"source": source}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_annotation_file_is_told_by_its_place(source, tmp_path):
    (source / "person_keypoints_val.json").write_text('{"images": [\n{"id": 1,]')
    with pytest.raises(DataError, match="line 2"):
        convert.run(config(), {"source": source}, tmp_path / "out")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real pictures are not beside the project")
def test_real_pictures(tmp_path):
    single = convert.run(config(), {"source": SHARED}, tmp_path / "single")
    multi = convert.run(config("multi", 13), {"source": SHARED}, tmp_path / "multi")
    assert single.metrics["train_kept"] == 1
    assert multi.metrics["train_kept"] == 4
    assert sum(len(read_label(s.label, 13)) for s in list_samples(multi.out / "train")) == 14
