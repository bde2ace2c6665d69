"""The Python API is what `__all__` says, typed, and imports nothing heavy."""

import subprocess
import sys

import pytest
from support.samples import TINY
from support.tiny_models import convolutional_onnx

import poseline


def test_every_name_is_there_and_documented():
    for name in poseline.__all__:
        assert getattr(poseline, name).__doc__
    assert set(poseline.__all__) <= set(dir(poseline))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = poseline.trian


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, poseline; poseline.load_config, poseline.run_chain, poseline.train\n"
        "print(sorted({'tensorflow', 'keras', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_config_is_loaded_with_overrides_and_its_faults_are_listed(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(TINY)
    changes = ("dataset.training_path=set", "training.epochs=7")
    assert poseline.load_config(path, *changes, mode="training").training.epochs == 7
    with pytest.raises(poseline.PoselineError, match=r"did you mean `epochs`"):
        poseline.load_config(path, "training.epoch=7", mode="training")


def test_a_stage_runs_by_name_and_gives_its_result(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(TINY)
    config = poseline.load_config(
        path,
        f"general.model_path={convolutional_onnx(tmp_path / 'model.onnx')}",
        "benchmarking.backends=[estimate]",
        f"mlflow.uri={tmp_path / 'mlruns'}",
        f"hydra.run.dir={tmp_path / 'run'}",
        mode="benchmarking",
    )
    result = poseline.benchmark(config)
    assert result.out == tmp_path / "run" / "benchmark"
    assert result.metrics["macc"] > 0
