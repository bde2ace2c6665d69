"""`poseline init`: what it writes is checked, and is what the set is."""

import json

import pytest
from support.own_sets import NAMES, cvat, yolo_pose

from poseline.cli.init import init
from poseline.config.loading import load
from poseline.errors import ConfigError, DataError, StoreError


@pytest.mark.parametrize("make", [cvat, yolo_pose])
def test_a_set_to_convert_is_named_as_it_is(tmp_path, make, capsys):
    root, out = make(tmp_path / "arrows"), tmp_path / "config.yaml"
    init(pictures=str(root), board="NUCLEO-H743ZI2", size=96, out=out)
    config = load.load(out)
    assert config.conversion.path == str(root)
    assert config.dataset.keypoints is None
    assert config.training.model.input_shape == (96, 96, 3)
    assert config.benchmarking.board == "NUCLEO-H743ZI2"
    assert any(step.random_flip for step in config.data_augmentation)
    assert "7 keypoints" in capsys.readouterr().out
    assert (NAMES[-1] in out.read_text()) == (make is cvat)


def test_a_set_without_left_and_right_is_not_mirrored(tmp_path):
    root = yolo_pose(tmp_path / "arrows")
    path = root / "data.yaml"
    path.write_text(path.read_text().replace("[0, 2, 1, 4, 3, 5, 6]", "[0, 1, 2, 3, 4, 5, 6]"))
    init(pictures=str(root), out=tmp_path / "config.yaml")
    config = load.load(tmp_path / "config.yaml")
    assert not any(step.random_flip for step in config.data_augmentation)


def test_one_of_several_categories_is_named(tmp_path):
    root, out = cvat(tmp_path / "arrows"), tmp_path / "config.yaml"
    (path,) = root.rglob("*.json")
    content = json.loads(path.read_text())
    content["categories"].append(content["categories"][0] | {"id": 9, "name": "dart"})
    content["annotations"][0]["category_id"] = 9
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="--category"):
        init(pictures=str(root), out=out)
    init(pictures=str(root), category="dart", out=out)
    assert load.load(out).conversion.category == "dart"


def test_other_tasks_start_from_a_model(tmp_path):
    root = yolo_pose(tmp_path / "arrows")
    for task, mode in (("quantize", "chain_eqeb"), ("predict", "prediction")):
        out = tmp_path / f"{task}.yaml"
        init(pictures=str(root), task=task, model="model.h5", keypoints=17, out=out)
        config = load.load(out)
        assert (config.operation_mode, config.general.model_path) == (mode, "model.h5")
        assert config.dataset.keypoints == 17
        with pytest.raises(ConfigError, match="--model"):
            init(pictures=str(root), task=task, out=tmp_path / "none.yaml")


def test_what_is_there_is_kept(tmp_path):
    out = tmp_path / "config.yaml"
    out.write_text("mine")
    with pytest.raises(StoreError, match="already exists"):
        init(pictures=str(tmp_path), out=out)
    assert out.read_text() == "mine"
    init(pictures=str(cvat(tmp_path / "arrows")), out=out, overwrite=True)
    assert load.load(out).conversion
