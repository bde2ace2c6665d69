"""Commands that run a chain or a single stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.config.models.general import OperationMode
from poseline.errors import GATE_NOT_PASSED, ConfigError, Problem
from poseline.training.cluster import VARIABLE, Cluster

Overrides = str
Chain = Literal["tqe", "tqeb", "eqe", "eqeb", "qb", "qd"]


def run(
    *overrides: Overrides,
    config_path: Annotated[Path, Parameter(alias="-cp")] = Path(),
    config_name: Annotated[str, Parameter(alias="-cn")] = "user_config.yaml",
    workers: int = 1,
) -> int:
    """Run what `operation_mode` says, with the command line of the vendor's zoo.

    Example: `poseline run --config-path examples --config-name demo.yaml training.epochs=5`

    Args:
        overrides: Changes as `key=value`; `+key=value` adds, `~key` deletes.
        config_path: Folder of the config.
        config_name: File name of the config; the suffix is optional.
        workers: Processes that share the training; see `poseline train`.
    """
    for one in overrides:
        if "=" not in one and one.endswith((".yaml", ".yml")):
            raise ConfigError(
                [Problem(one, "a file instead of an override", "key=value")],
                "the command line",
                f"name the config with `poseline run --config-name {one}`",
            )
    return _run(load.load(load.find_config(config_path, config_name), overrides), workers)


def chain(name: Chain, config: Path, *overrides: Overrides, workers: int = 1) -> int:
    """Run a chain: t(rain), q(uantize), e(valuate), b(enchmark), d(eploy: export the code).

    Example: `poseline chain tqeb examples/demo.yaml training.model.alpha=0.5`

    Args:
        name: The chain; it replaces the config's `operation_mode`.
        config: The YAML file.
        overrides: Changes as `key=value`; `+key=value` adds, `~key` deletes.
        workers: Processes that share the training; see `poseline train`.
    """
    modes: dict[str, OperationMode] = {
        "tqe": "chain_tqe",
        "tqeb": "chain_tqeb",
        "eqe": "chain_eqe",
        "eqeb": "chain_eqeb",
        "qb": "chain_qb",
        "qd": "chain_qd",
    }
    return _stage(modes[name], config, overrides, workers)


def train(config: Path, *overrides: Overrides, workers: int = 1) -> None:
    """Train a model.

    Example: `poseline train examples/demo.yaml training.epochs=5`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
        workers: Processes that share the training; each takes a part of every batch and, if there
            are GPUs, its own GPU.
    """
    _stage("training", config, overrides, workers)


def quantize(config: Path, *overrides: Overrides) -> None:
    """Quantize a model to int8.

    Example: `poseline quantize examples/demo.yaml general.model_path=best_model.h5`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
    """
    _stage("quantization", config, overrides)


def evaluate(config: Path, *overrides: Overrides) -> None:
    """Measure OKS, AP and PCK of a model on the test set.

    Example: `poseline evaluate examples/demo.yaml general.model_path=quantized_model.tflite`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
    """
    _stage("evaluation", config, overrides)


def predict(config: Path, *overrides: Overrides) -> None:
    """Draw the poses that a model finds in pictures.

    Example: `poseline predict demo.yaml general.model_path=best_model.h5
    prediction.test_files_path=pictures`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
    """
    _stage("prediction", config, overrides)


def benchmark(config: Path, *overrides: Overrides) -> None:
    """Measure a model on this machine and estimate it on the boards.

    Example: `poseline benchmark demo.yaml general.model_path=quantized_model.tflite
    benchmarking.board=STM32H747I-DISCO`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
    """
    _stage("benchmarking", config, overrides)


def export(config: Path, *overrides: Overrides) -> None:
    """Write a model as code for a firmware project: C99, TFLM, a self-test; nothing is flashed.

    Example: `poseline export demo.yaml general.model_path=quantized_model.tflite`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
    """
    _stage("deployment", config, overrides)


def demo(*, out: Path = Path("demo")) -> None:
    """Draw a data set of people and run chain_tqeb on it; takes a few minutes.

    Args:
        out: Folder for the data set and the experiment.
    """
    from poseline.cli.demo import run_demo

    run_demo(out)


def _stage(mode: OperationMode, config: Path, overrides: tuple[str, ...], workers: int = 1) -> int:
    return _run(load.load(config, overrides, mode=mode), workers)


def _run(config: Config, workers: int = 1) -> int:
    from poseline.cli.summary import announce, show
    from poseline.runner.chain import run_chain

    _check_workers(config, workers)
    cluster = Cluster.from_environment() if "train" in config.stages else None
    if cluster and (workers > 1 or config.operation_mode != "training"):
        raise ConfigError(
            [
                Problem(
                    VARIABLE,
                    f"{cluster.share.of} workers",
                    "`poseline train CONFIG` without --workers, once for each worker",
                )
            ],
            "the environment",
            f"unset {VARIABLE} to run everything here",
        )
    if cluster and cluster.share.index:
        from poseline.runner.worker import run_worker

        run_worker(config, cluster)
        return 0
    experiment = run_chain(config, announce, workers=workers, cluster=cluster)
    show(experiment)
    return GATE_NOT_PASSED if experiment.passed is False else 0


def _check_workers(config: Config, workers: int) -> None:
    batch = config.training.batch_size if config.training and "train" in config.stages else 0
    if workers != 1 and not 1 <= workers <= batch:
        accepted = f"1 to {batch}" if batch else f"1: `{config.operation_mode}` trains nothing"
        hint = "each takes a part of every batch: training.batch_size" if batch else ""
        raise ConfigError([Problem("--workers", str(workers), accepted, hint)], "the command line")
