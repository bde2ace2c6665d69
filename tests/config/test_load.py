import pytest
from support.samples import TINY

from poseline.config.loading import load
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import config_hash
from poseline.errors import ConfigError


def problems(text, *overrides):
    with pytest.raises(ConfigError) as caught:
        load.parse(text, overrides)
    return {problem.path: problem for problem in caught.value.problems}


COMPLETE = TINY + "\n"
PATHS = ("dataset.training_path=pictures",)


def test_an_unknown_key_is_told_with_the_known_one_that_is_meant():
    found = problems(COMPLETE.replace("batch_size", "bach_size"), *PATHS)
    assert "batch_size" in found["training.bach_size"].hint
    assert found["training.bach_size"].line == 14
    assert "training.batch_size" not in found  # it is missing for that alone


def test_what_is_wrong_on_the_command_line_is_told_of_it():
    with pytest.raises(ConfigError) as error:
        load.parse(COMPLETE, [*PATHS, "training.bach_size=3"], source="a.yaml")
    assert str(error.value).startswith("1 problem in the overrides")
    with pytest.raises(ConfigError) as error:
        load.parse(
            COMPLETE.replace("alpha", "alfa"), [*PATHS, "training.bach_size=3"], source="a.yaml"
        )
    assert "problems in a.yaml" in str(error.value)


def test_every_problem_is_listed_at_once():
    found = problems(
        "genral: {}\noperation_mode: chain_tqe\npreprocessing: {color_mode: bgr}\n"
        "general: {global_seed: -1}"
    )
    assert set(found) == {
        "genral",
        "preprocessing.color_mode",
        "general.global_seed",
        "training",
        "dataset.training_path",
        "quantization",
    }


def test_a_mode_tells_what_it_needs():
    found = problems("operation_mode: chain_eqeb")
    assert set(found) == {
        "general.model_path",
        "dataset.test_path",
        "quantization",
        "benchmarking.board",
    }


def test_one_source_of_the_model():
    found = problems(COMPLETE, *PATHS, "general.model_path=a.h5")
    assert any("exactly one" in problem.accepted for problem in found.values())
    found = problems(COMPLETE, *PATHS, "training.resume_training_from=x")
    assert any("exclude" in problem.accepted for problem in found.values())


def test_overrides_set_add_and_delete():
    config = load.parse(
        COMPLETE,
        [
            *PATHS,
            "training.epochs=7",
            "+general.num_threads_tflite=3",
            "~data_augmentation.random_contrast",
        ],
    )
    assert config.training.epochs == 7
    assert config.general.num_threads_tflite == 3
    assert [*config.data_augmentation[0].named] == ["random_flip"]
    assert len(config.data_augmentation) == 1


def test_augmentations_keep_their_order():
    text = COMPLETE.replace("random_flip: {mode: horizontal}\n", "random_rotation:\n")
    config = load.parse(text, PATHS)
    assert [next(iter(s.named)) for s in config.data_augmentation] == [
        "random_rotation",
        "random_contrast",
    ]


def test_interpolations_resolve(monkeypatch):
    monkeypatch.setenv("POSE_SET", "there")
    config = load.parse(
        COMPLETE,
        [
            "dataset.training_path=${env:POSE_SET}",
            "dataset.name=${general.project_name}",
            "hydra.run.dir=out/${now:%Y}",
        ],
    )
    assert config.dataset.training_path == "there"
    assert config.dataset.name == "tiny"
    assert len(config.hydra.run.dir) == len("out/2026")


def test_a_missing_reference_is_told_by_its_key():
    assert "dataset.name" in problems(COMPLETE, "dataset.name=${general.nothing}")


def test_bad_yaml_is_told_by_line():
    found = problems("general: {a: 1\ntraining: ]")
    assert next(iter(found)).startswith("line 2")


def test_none_means_not_set():
    config = load.parse(
        COMPLETE, [*PATHS, "general.global_seed=None", "dataset.validation_split=null"]
    )
    assert config.general.global_seed is None
    assert config.dataset.validation_split == 0.2


def test_a_slice_survives_json_and_ignores_other_sections():
    config = load.parse(COMPLETE, PATHS)
    other = load.parse(COMPLETE, [*PATHS, "benchmarking.board=NUCLEO-F401RE"])
    for stage in ("train", "quantize", "evaluate"):
        cut = config.slice(stage)
        assert from_slice(cut).slice(stage) == cut
        assert config_hash(cut) == config_hash(other.slice(stage))
    assert config.slice("benchmark") != other.slice("benchmark")


def test_whole_numbers_may_arrive_as_floats():
    cut = load.parse(COMPLETE, PATHS).slice("train")
    cut["training"]["epochs"] = 2.0
    assert from_slice(cut).training.epochs == 2


def test_a_dump_loads_to_the_same_config():
    config = load.parse(COMPLETE, PATHS)
    assert load.dump(load.parse(load.dump(config))) == load.dump(config)
