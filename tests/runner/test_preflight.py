"""What is refused before a chain begins; without TensorFlow."""

import pytest

from poseline.config.models.config import Config
from poseline.errors import ModelError, StoreError
from poseline.runner.chain import Experiment
from poseline.runner.preflight import check_inputs, check_outputs, remove_unstarted
from poseline.store.manifest import Manifest


def changed(config: Config, folder, **sections) -> Experiment:
    data = config.model_dump(mode="json")
    for name, values in sections.items():
        data[name] = (data[name] or {}) | values
    return Experiment(folder, Config.model_validate(data))


@pytest.mark.parametrize("place", [".", "..", "../evaluation", "../../run", "../benchmark"])
def test_no_step_takes_the_place_of_another(tiny, tmp_path, place):
    experiment = changed(tiny, tmp_path / "run", quantization={"export_dir": place})
    with pytest.raises(StoreError, match="would replace the folder"):
        check_outputs(experiment.config, experiment.folder, experiment.out)
    assert not experiment.folder.exists()


@pytest.mark.parametrize(
    "step",
    [
        "saved_models/quantized_models",
        "evaluation/float",
        "evaluation/int8",
        "benchmark",
    ],
)
def test_what_stands_where_a_step_writes_is_found_before_the_first(tiny, tmp_path, step):
    experiment = Experiment(tmp_path / "run", tiny)
    (tmp_path / "run" / step).mkdir(parents=True)
    check_outputs(tiny, experiment.folder, experiment.out)
    (tmp_path / "run" / step / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        check_outputs(tiny, experiment.folder, experiment.out)
    (tmp_path / "run" / step / "thesis.txt").unlink()
    Manifest("convert", "").write(tmp_path / "run" / step)
    with pytest.raises(StoreError, match="`convert`"):
        check_outputs(tiny, experiment.folder, experiment.out)


def test_a_model_that_is_not_there_is_found_before_the_first(tiny, tmp_path):
    model = {"model_path": str(tmp_path / "modle.h5")}
    data = tiny.model_dump(mode="json") | {"operation_mode": "evaluation", "training": None}
    data["general"] |= model
    with pytest.raises(ModelError, match=r"general\.model_path: .*modle\.h5"):
        check_inputs(Config.model_validate(data))


@pytest.mark.parametrize("name", ["cut.tflite", "cut.onnx"])
def test_a_damaged_model_is_found_before_the_first(tiny, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(40))
    data = tiny.model_dump(mode="json") | {"operation_mode": "benchmarking", "training": None}
    data["general"] |= {"model_path": str(tmp_path / name)}
    with pytest.raises(ModelError, match=name):
        check_inputs(Config.model_validate(data))
    assert not (tmp_path / "run").exists()


def test_the_directory_of_a_chain_that_made_nothing_goes(tiny, tmp_path):
    run = tmp_path / "run"
    for path in ("config.yaml", "logs/mlflow/x", "saved_models/training.json"):
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text("")
    (run / "saved_models/best_model.h5").write_text("")
    remove_unstarted(tiny, run, run / "config.yaml")
    assert run.is_dir()
    (run / "saved_models/best_model.h5").unlink()
    remove_unstarted(tiny, run, run / "config.yaml")
    assert not run.exists()
