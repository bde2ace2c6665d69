"""The Python API: the commands of the command line as functions.

Each function takes a config, runs in the experiment directory that `hydra.run.dir` names, and
returns what it left there. Nothing is printed but the log.
"""

from __future__ import annotations

from pathlib import Path

from poseline.config.loading import load
from poseline.config.models.config import Config, Stage
from poseline.config.models.general import OperationMode
from poseline.runner import chain
from poseline.runner.chain import Experiment
from poseline.stages.result import StageResult


def load_config(path: str | Path, *overrides: str, mode: OperationMode | None = None) -> Config:
    """Read a config and check it.

    Args:
        path: The YAML file.
        overrides: Changes as `key=value`; `+key=value` adds, `~key` deletes.
        mode: Takes the place of the file's `operation_mode`.

    Raises:
        ConfigError: Lists everything that is wrong, with its location.
    """
    return load.load(Path(path), overrides, mode=mode)


def run_chain(config: Config) -> Experiment:
    """Run the steps of `operation_mode` and write the report.

    A chain that was interrupted continues where it stopped when it is run again with the same
    `hydra.run.dir`.

    Args:
        config: A checked config.

    Returns:
        The experiment: its folder, its models, and the result of each step by name.

    Raises:
        PoselineError: A step cannot do its work; what was finished is kept.
    """
    return chain.run_chain(config)


def train(config: Config) -> StageResult:
    """Train a model on `dataset.training_path`.

    Returns:
        The result; `files["model"]` is the best model, `metrics` has the figures of its epoch.

    Raises:
        PoselineError: The config, the data or the storage does not allow it.
    """
    return _run_alone("train", "training", config)


def quantize(config: Config) -> StageResult:
    """Quantize the model of `general.model_path` to int8.

    Returns:
        The result; `files["model"]` is the quantized model.

    Raises:
        PoselineError: The config, the model or the storage does not allow it.
    """
    return _run_alone("quantize", "quantization", config)


def evaluate(config: Config) -> StageResult:
    """Measure the model of `general.model_path` on the test set.

    Returns:
        The result; `metrics` has OKS (0 to 1), AP, AR and PCK.

    Raises:
        PoselineError: The config, the model, the data or the storage does not allow it.
    """
    return _run_alone("evaluate", "evaluation", config)


def predict(config: Config) -> StageResult:
    """Draw the poses that the model of `general.model_path` finds in pictures.

    Returns:
        The result; `out` is the folder of the annotated pictures.

    Raises:
        PoselineError: The config, the model, the pictures or the storage does not allow it.
    """
    return _run_alone("predict", "prediction", config)


def benchmark(config: Config) -> StageResult:
    """Measure the model of `general.model_path` here and estimate it on the boards.

    Returns:
        The result; `metrics` has flash and RAM in KiB, latency in ms and MACC.

    Raises:
        PoselineError: The config, the model or a tool does not allow it.
    """
    return _run_alone("benchmark", "benchmarking", config)


def _run_alone(stage: Stage, mode: OperationMode, config: Config) -> StageResult:
    data = load.normal_form(config) | {"operation_mode": mode}
    return chain.run_chain(load.check(data)).results[stage]
