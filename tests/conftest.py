import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signal
from pathlib import Path

import pytest
from hypothesis import settings
from support.kfp_process import kubeflow_api  # noqa: F401
from support.mlflow_server import chain_runs, server  # noqa: F401
from support.samples import TINY
from support.seaweed import proxy, storage, weed  # noqa: F401  fixtures for every room

from poseline.config.loading.load import parse
from poseline.config.models.config import Config

# A machine that is busy with other things fails no test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure():
    # A shell starts its background jobs with SIGINT ignored, and nohup SIGHUP; what the tests
    # start would be deaf.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn set in COCO's layout: 24 + 8 pictures."""
    from poseline.data.synthetic.generate import generate

    out = tmp_path_factory.mktemp("people") / "coco"
    return generate(out, 24, 8, size=(96, 96), seed=3, jobs=1)


@pytest.fixture(scope="session")
def yolo(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same set, converted: train/ and val/."""
    from poseline.stages import convert

    config = Config.model_validate({"dataset": {"keypoints": 17}, "conversion": {"path": "-"}})
    out = tmp_path_factory.mktemp("yolo") / "17kpts"
    return convert.run(config, {"source": people}, out).out


@pytest.fixture
def tiny(yolo: Path, tmp_path: Path) -> Config:
    """A config of chain_tqeb that takes seconds."""
    return parse(
        TINY,
        [
            f"dataset.training_path={yolo / 'train'}",
            f"dataset.validation_path={yolo / 'val'}",
            f"mlflow.uri={tmp_path / 'mlruns'}",
            f"hydra.run.dir={tmp_path / 'run'}",
        ],
    )
