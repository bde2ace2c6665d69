import json

import pytest

from poseline.config.loading.run_form import kind_of, read
from poseline.errors import ConfigError, StoreError

TEXT = """
training:
  model: {alpha: 0.5, input_shape: [192, 192, 3], pretrained_weights: None}
  batch_size: 8
  epochs: 2
  optimizer: {RMSprop: {learning_rate: 0.1, rho: 0.8}}
dataset: {keypoints: 17, training_path: old, validation_path: old/val}
quantization: {quantizer: TFlite_converter}
benchmarking: {board: STM32H747I-DISCO}
"""
EMPTY = dict.fromkeys(("dataset", "model", "board"), "") | dict.fromkeys(
    ("keypoints", "alpha", "input_size", "epochs", "batch_size", "learning_rate"), 0
)


def made(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def test_an_empty_form_leaves_the_config():
    config = read(TEXT, "chain_tqeb", EMPTY)
    assert config.training.epochs == 2
    assert config.training.model.alpha == 0.5
    assert config.dataset.training_path == "old"


def test_what_is_entered_wins():
    form = EMPTY | {
        "alpha": 0.35,
        "input_size": 96,
        "epochs": 7,
        "learning_rate": 0.01,
        "board": "NUCLEO-H743ZI2",
        "batch_size": 4,
        "keypoints": 13,
    }
    config = read(TEXT, "chain_tqeb", form)
    assert (config.training.model.alpha, config.training.model.input_shape) == (0.35, (96, 96, 3))
    assert config.training.optimizer == {"RMSprop": {"learning_rate": 0.01, "rho": 0.8}}
    assert (config.training.epochs, config.training.batch_size) == (7, 4)
    assert (config.benchmarking.board, config.dataset.keypoints) == ("NUCLEO-H743ZI2", 13)


def test_whole_numbers_that_kfp_made_floats_are_whole_again():
    form = {"input_size": 96.0, "epochs": 3.0, "training.batch_size": 16.0}
    training = read(TEXT, "chain_tqeb", form).training
    assert training.model.input_shape == (96, 96, 3)
    assert (training.epochs, training.batch_size) == (3, 16)


def test_json_is_yaml():
    text = json.dumps({"dataset": {"training_path": "a", "keypoints": 17}, "quantization": {}})
    config = read(
        text,
        "chain_tqe",
        {
            "alpha": 0.35,
            "epochs": 1,
            "batch_size": 2,
            "learning_rate": 0.1,
            "input_size": 64,
            "training.model.pretrained_weights": "None",
        },
    )
    assert config.training.optimizer == {"Adam": {"learning_rate": 0.1}}


def test_a_coco_set_takes_the_place_of_others(tmp_path):
    uri = made(tmp_path, "annotations/person_keypoints_train.json", "train/1.jpg")
    config = read(TEXT, "chain_tqeb", {"dataset": uri})
    assert config.conversion.path == uri
    assert config.dataset.training_path is None
    assert config.dataset.validation_path is None


@pytest.mark.parametrize("names", [("train/1.jpg", "train/1.txt"), ("train/shards.json",)])
@pytest.mark.parametrize("val", [True, False])
def test_a_yolo_or_packed_set_with_parts(tmp_path, names, val):
    uri = made(tmp_path, *names, *(["val/shards.json"] if val else []))
    config = read(TEXT + "conversion: {path: x}", "chain_tqeb", {"dataset": uri + "/"})
    assert config.conversion is None
    assert config.dataset.training_path == f"{uri}/train"
    assert config.dataset.validation_path == (f"{uri}/val" if val else None)


def test_a_set_that_is_one_folder(tmp_path):
    uri = made(tmp_path, "shards.json")
    config = read(TEXT, "chain_tqeb", {"dataset": uri})
    assert (config.dataset.training_path, config.dataset.validation_path) == (uri, None)


def test_faults_are_listed_at_once():
    with pytest.raises(ConfigError) as error:
        read(TEXT, "chain_tqeb", {"epochs": -1, "alpha": 3, "training.bach_size": 4})
    told = str(error.value)
    assert "training.epochs" in told
    assert "training.model.alpha" in told
    assert "did you mean `batch_size`" in told


def test_a_field_that_there_is_not_is_told():
    with pytest.raises(ConfigError, match="width: found a field"):
        read(TEXT, "chain_tqeb", {"width": 1})


def test_a_set_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        read(TEXT, "chain_tqeb", {"dataset": str(tmp_path / "none")})
    assert read(TEXT, "chain_tqeb", {"dataset": "s3://x/none"}, look=False).conversion


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["annotations/person_keypoints_val.json"], "coco"),
        (["person_keypoints.json", "1.jpg"], "coco"),
        (["train/shards.json", "train/shard-00000.tar"], "packed"),
        (["a.jpg", "a.txt"], "yolo"),
        (["other/annotations/person_keypoints_val.json"], "coco"),
        (["train/_annotations.coco.json", "train/a.jpg"], "coco"),
        (["result.json", "images/a.jpg"], "coco"),
        (["data.yaml", "images/train/a.jpg", "labels/train/a.txt"], "yolo_pose"),
        (["data.yaml", "train/images/a.jpg", "train/labels/a.txt"], "yolo_pose"),
        (["data.yaml", "manifest.json", "train/a.jpg", "train/a.txt"], "yolo"),
        (["notes.json", "a.jpg", "a.txt"], "yolo"),
    ],
)
def test_the_kind_of_a_set(names, kind):
    assert kind_of(names) == kind
