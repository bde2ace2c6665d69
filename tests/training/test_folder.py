"""What a training's folder says of it; without TensorFlow."""

import pytest

from poseline.errors import StoreError
from poseline.training.folder import BEST, HISTORY, LAST, SETTINGS, check, claim

SETTINGS_OF_ONE = {"training": {"epochs": 2, "dropout": None}, "general": {"global_seed": 1}}
INPUTS = {"training": "a", "validation": "b"}


@pytest.fixture
def trained(tmp_path):
    claim(tmp_path, SETTINGS_OF_ONE, INPUTS)
    for name in (BEST, LAST, HISTORY):
        (tmp_path / name).write_text(name)
    return tmp_path


def other(**training):
    return SETTINGS_OF_ONE | {"training": SETTINGS_OF_ONE["training"] | training}


def test_the_same_training_goes_on(trained):
    claim(trained, SETTINGS_OF_ONE, INPUTS)
    check(trained, SETTINGS_OF_ONE)


def test_changed_keys_are_named_and_nothing_is_replaced(trained):
    before = (trained / SETTINGS).read_text()
    with pytest.raises(StoreError) as refused:
        claim(trained, other(epochs=5, dropout=0.2), INPUTS)
    assert "training.epochs (2 there, 5 now)" in refused.value.message
    assert "training.dropout (null there, 0.2 now)" in refused.value.message
    assert "global_seed" not in refused.value.message
    assert f"training.resume_training_from={trained / LAST}" in refused.value.remedy
    assert (trained / SETTINGS).read_text() == before


def test_other_pictures_are_another_training(trained):
    with pytest.raises(StoreError, match="the input `training`"):
        claim(trained, SETTINGS_OF_ONE, INPUTS | {"training": "c"})


def test_a_training_is_resumed_in_its_own_folder(trained):
    claim(trained, other(epochs=5), INPUTS, trained / LAST)
    check(trained, other(epochs=5), INPUTS)


def test_before_the_first_epoch_there_is_nothing_to_lose(tmp_path):
    claim(tmp_path, SETTINGS_OF_ONE, INPUTS)
    claim(tmp_path, other(epochs=5), INPUTS)


@pytest.mark.parametrize("name", [BEST, HISTORY])
def test_models_that_no_training_left_are_kept(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreError, match="no training with these settings"):
        claim(tmp_path, SETTINGS_OF_ONE, INPUTS)
    assert not (tmp_path / SETTINGS).exists()
