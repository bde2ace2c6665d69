"""A stage as a run in MLflow: what it leaves is tracked; the same in a chain and in a pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from poseline.config.models.config import Config
from poseline.config.models.steps import Step
from poseline.names import TAG_GATE, TAG_MODEL_NAME, TAG_MODEL_VERSION
from poseline.runner.promotion import Promoter
from poseline.runner.step import run_task
from poseline.stages.gate import measured
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest
from poseline.tracking import StageRun, Tracker

OnEpoch = Callable[[int, Mapping[str, float]], None]


def run_tracked(
    tracker: Tracker,
    step: Step,
    config: Config,
    inputs: Mapping[str, str | Path],
    out: Path,
    *,
    work: Callable[..., StageResult] = run_task,
    **options: Any,
) -> StageResult:
    """Run a step and track it.

    Args:
        tracker: Of the chain.
        step: The step.
        config: The whole config, or one made from the stage's slice.
        inputs: Name to path or URI.
        out: Output folder of the stage; it stays until the tracker is closed.
        work: What runs the step, with the arguments of `run_task`.
        options: Further arguments of the stage's `run`; for the gate `part`, as evaluations had it.

    Raises:
        BackendError: The gate cannot reach the registry.
        PoselineError: The stage cannot do its work.
    """
    with tracker.stage(step.name) as run:
        if step.stage == "train":
            options["on_epoch"] = _told(run, options.get("on_epoch"))
        if step.stage == "gate":
            options = {"promote": Promoter(config, tracker, run, options.get("part"))}
        result = work(step, config, inputs, out, **options)
        _track(run, tracker.parent, step, result)
    return result


def _told(run: StageRun, other: OnEpoch | None) -> OnEpoch:
    def tell(epoch: int, figures: Mapping[str, float]) -> None:
        run.metrics(figures, epoch)
        if other:
            other(epoch, figures)

    return tell


def _track(run: StageRun, parent: StageRun, step: Step, result: StageResult) -> None:
    """Log what a stage left; the chain's own run gets the figures that runs are compared by."""
    manifest = Manifest.read(result.out)
    run.params({"config_hash": manifest.config_hash})
    if history := result.summary.get("history"):
        for epoch, figures in enumerate(history):
            run.metrics(figures, epoch)  # what an interrupted attempt could not log
        figures = {f"best_{name}": result.metrics[name] for name in history[0]}
        figures |= {"best_epoch": result.metrics["best_epoch"]}
        run.metrics(figures, len(history) - 1)
        parent.metrics(figures)  # a training alone has no other figures to be compared by
    else:
        run.metrics(result.metrics)
    run.artifacts({role: path for role, path in result.files.items() if role != "last_model"})
    parent.metrics(measured({step.name: manifest}))
    if step.stage == "gate":
        passed = result.summary["passed"]
        tags = {TAG_GATE: "passed" if passed else "failed"}
        if promotion := result.summary.get("promotion"):
            tags |= {TAG_MODEL_NAME: promotion["name"], TAG_MODEL_VERSION: promotion["version"]}
        # Where Kubeflow took evaluations from its cache, nothing else recorded them for this chain.
        parent.metrics(result.summary["measured"])
        parent.tags(tags)
    if model := result.files.get("model"):
        run.model(model, final=step.stage == "quantize")
