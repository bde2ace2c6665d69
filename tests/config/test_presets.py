"""What `training.preset` adds to a config, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseline.cli import main
from poseline.config.loading import load, presets
from poseline.config.loading.load import check, dump
from poseline.training.learning_rate import schedule


def config(training: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    model = {"alpha": 0.35, "pretrained_weights": None}
    return {
        "operation_mode": "training",
        "dataset": {"keypoints": 13, "training_path": "sets/train"},
        "training": {"model": model, "batch_size": 64, "epochs": 40} | (training or {}),
    } | sections


def test_what_is_left_out_is_the_best_recipe() -> None:
    made = check(config())
    assert made.training and made.training.model
    assert made.training.model.final_activation == "softmax"
    assert made.training.optimizer == {"AdamW": {"learning_rate": 0.005, "weight_decay": 0.01}}
    assert "LRWarmupCosineDecay" in made.training.callbacks
    assert len(made.data_augmentation) > 3


@pytest.mark.parametrize(
    ("preset", "activation", "optimizer", "target"),
    [
        ("zoo2025", "sigmoid", {"Adam": {"learning_rate": 0.01}}, "one_hot"),
        ("zoo4", "softmax", {"Adam": {"learning_rate": 5e-4}}, "one_hot"),
        ("best", "softmax", {"AdamW": {"learning_rate": 5e-3, "weight_decay": 0.01}}, "gaussian"),
    ],
)
def test_each_preset_is_the_recipe_of_its_name(
    preset: str, activation: str, optimizer: dict[str, Any], target: str
) -> None:
    training = check(config({"preset": preset})).training
    assert training and training.model
    assert training.model.final_activation == activation
    assert training.optimizer == optimizer
    assert training.heatmaps.target == target


def test_what_is_stated_is_obeyed_to_the_letter() -> None:
    stated = {
        "model": {"final_activation": "sigmoid", "pretrained_weights": None},
        "optimizer": {"SGD": {"learning_rate": 0.5}},
        "heatmaps": {"target": "one_hot", "sigma": 2},
    }
    written = check(config(stated, data_augmentation=[]), preset=False)
    assert presets.additions(written) == {}
    assert presets.completed(written) == written


def test_an_optimizer_of_its_own_gets_no_schedule() -> None:
    training = check(config({"optimizer": {"Adam": {"learning_rate": 0.02}}})).training
    assert training and training.callbacks == {}


def test_callbacks_of_its_own_are_kept_beside_the_optimizer_of_the_preset() -> None:
    training = check(config({"callbacks": {"TerminateOnNaN": {}}})).training
    assert training and list(training.callbacks) == ["TerminateOnNaN"]
    assert list(training.optimizer) == ["AdamW"]


def test_fine_tuning_learns_at_a_tenth_and_keeps_what_the_model_puts_out() -> None:
    data = config(general={"model_path": "model.h5"})
    del data["training"]["model"]
    added = presets.additions(check(data, preset=False))
    assert "training.model.final_activation" not in added
    assert added["training.optimizer"]["AdamW"]["learning_rate"] == 5e-4


def test_a_resumed_training_has_the_schedule_of_its_epochs() -> None:
    data = config({"resume_training_from": "last_trained_model.h5", "epochs": 100})
    del data["training"]["model"]
    training = check(data).training
    assert training and training.callbacks["LRWarmupCosineDecay"]["decay_steps"] == 97


def test_points_without_known_partners_are_not_mirrored() -> None:
    own = {"names": ["tip", "left", "right"], "pairs": [["left", "right"]]}
    for points, mirrored in ((None, False), (own, True), (17, True), ({"names": ["a"]}, False)):
        data = config(dataset={"keypoints": points, "training_path": "sets/train"})
        steps = check(data).data_augmentation
        assert any(step.random_flip for step in steps) is mirrored


def test_nothing_is_added_where_nothing_is_trained() -> None:
    data = config(general={"model_path": "m.h5"}, operation_mode="evaluation")
    data["dataset"]["test_path"] = "sets/val"
    assert presets.additions(check(data, preset=False)) == {}


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 5000),
    st.integers(1, 65536),
    st.sampled_from(["best", "zoo2025", "zoo4"]),
)
def test_a_completed_config_is_complete_and_its_rates_are_positive(
    epochs: int, batch: int, preset: str
) -> None:
    made = check(config({"epochs": epochs, "batch_size": batch, "preset": preset}))
    assert presets.additions(made) == {}
    read = load.parse(dump(made))
    assert (read.training, read.data_augmentation) == (made.training, made.data_augmentation)
    assert made.training
    for name, arguments in made.training.callbacks.items():
        if name.startswith("LR"):
            rate = schedule(name, arguments)
            assert all(0 < rate(epoch) <= 0.02 for epoch in {0, epochs // 2, epochs - 1})


def test_validate_prints_what_is_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(config({"optimizer": {"Adam": {}}})))
    with pytest.raises(SystemExit) as done:
        main(["validate", str(path)])
    assert done.value.code == 0
    head = capsys.readouterr().out.split("general:")[0]
    assert head.startswith("# Left out, and added by training.preset: best\n")
    assert "#   training.model.final_activation\n" in head
    assert "optimizer" not in head
