"""The stages as tasks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import Stage
from poseline.config.models.steps import Step
from poseline.masking import masked
from poseline.names import TRAIN_PLATFORM
from poseline.stages.result import StageResult
from poseline.store.manifest import write_atomic
from poseline.tasks.artifacts import (
    Artifact,
    Place,
    chain_of,
    is_remote,
    model_in,
    model_shown,
    show,
    uri_of,
)
from poseline.tasks.errors import exit_with_error_code, retry_storage
from poseline.tasks.parameters import (
    Figures,
    RunReference,
    StageInputs,
    read_figures,
    read_slice,
    write_manifests,
)
from poseline.tasks.tracking import chain_tracker


@exit_with_error_code
def train(
    config: str, inputs: str, run: str, model: Artifact, metrics: Artifact, page: Artifact
) -> None:
    """Train; `model` becomes the folder of the best and the last model."""
    options: dict[str, Any] = {}
    if is_remote(model):
        options["checkpoint"] = f"{uri_of(model)}.checkpoint"
        if os.environ.get(TRAIN_PLATFORM):
            from poseline.tasks import training_nodes

            options["work"] = training_nodes.work(uri_of(model))
    result = _run("train", config, StageInputs.read(inputs).inputs, run, model, page, **options)
    model.metadata.update(model_shown(result.files["model"]))
    if (oks := result.metrics.get("val_oks")) is not None:
        model.metadata["oks"] = oks
    show(metrics, result)


@exit_with_error_code
def quantize(
    config: str,
    inputs: str,
    run: str,
    model: Artifact,
    quantized: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> None:
    """Quantize a model."""
    given, _ = _with_model(inputs, model)
    result = _run("quantize", config, given, run, quantized, page)
    settings = {k: str(result.summary[k]) for k in ("quantizer", "granularity")}
    quantized.metadata.update(model_shown(result.files["model"]), **settings)
    show(metrics, result)


@exit_with_error_code
def evaluate(
    step: str,
    config: str,
    inputs: str,
    run: str,
    model: Artifact,
    evaluation: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> str:
    """Evaluate a model, and return its figures."""
    given, part = _with_model(inputs, model)
    result = _run("evaluate", config, given, run, evaluation, page, step=step, **part)
    evaluation.metadata["oks"] = result.metrics.get("oks", 0.0)
    show(metrics, result)
    return Figures.of(result, RunReference.read(run)).text()


@exit_with_error_code
def predict(
    config: str, inputs: str, run: str, model: Artifact, poses: Artifact, page: Artifact
) -> None:
    """Draw the poses that a model sees."""
    given, _ = _with_model(inputs, model)
    result = _run("predict", config, given, run, poses, page)
    poses.metadata.update({k: float(v) for k, v in result.metrics.items()})


@exit_with_error_code
def benchmark(
    config: str,
    run: str,
    model: Artifact,
    benchmark: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> str:
    """Measure a model here and estimate it on the boards, and return its figures."""
    result = _run("benchmark", config, {"model": model_in(model)}, run, benchmark, page)
    benchmark.metadata["board"] = str(result.summary["board"])
    show(metrics, result)
    return Figures.of(result, RunReference.read(run)).text()


@exit_with_error_code
def export(config: str, run: str, model: Artifact, exported: Artifact, page: Artifact) -> None:
    """Export a model where the config asks for it; `page` says what the firmware gets."""
    if not read_slice(config):
        Path(exported.path).mkdir(parents=True, exist_ok=True)
        write_atomic(Path(page.path), "<p>The config has no <code>export</code> section.</p>\n")
        return
    result = _run("export", config, {"model": model_in(model)}, run, exported, page)
    exported.metadata.update({k: float(v) for k, v in result.metrics.items()})
    exported.metadata.update({k: str(result.summary[k]) for k in ("input", "output", "sha256")})
    exported.metadata["archive"] = result.files["export"].name


@exit_with_error_code
def gate(
    config: str,
    inputs: str,
    run: str,
    judged: Mapping[str, str],
    model: Artifact,
    verdict: Artifact,
) -> None:
    """Decide whether a model is registered; `verdict` is Markdown that says why."""
    figures = read_figures(judged)
    if not read_slice(config).get("gate"):
        from poseline.stages.gate import measured

        known = {name: each.as_manifest for name, each in figures.items()}
        with chain_tracker(RunReference.read(run), verdict) as tracker:
            tracker.parent.metrics(measured(known))  # stages from KFP's cache recorded nothing
        write_atomic(Path(verdict.path), "# No gate\n\nThe config has no `gate` section.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        given, part = _with_model(inputs, model)
        given |= {k: str(path) for k, path in write_manifests(figures, Path(folder)).items()}
        out = Place(f"{folder}/gate", uri_of(verdict))
        result = _run("gate", config, given, run, out, **part)
        write_atomic(Path(verdict.path), result.files["page"].read_text(encoding="utf-8"))
    verdict.metadata.update({k: float(v) for k, v in result.metrics.items()})


def _run(
    stage: Stage,
    data: str,
    inputs: Mapping[str, str | Path],
    run: str,
    out: Artifact,
    page: Artifact | None = None,
    *,
    step: str | None = None,
    work: Callable[..., StageResult] | None = None,
    **options: Any,
) -> StageResult:
    """Run a stage, track it, show it, and copy what it made to where models are wanted, too.

    `work` runs it elsewhere, and fetches the inputs there.
    """
    config, name, where = from_slice(read_slice(data)), step or stage, RunReference.read(run)
    from poseline.runner.step import local_input, run_task
    from poseline.runner.tracked import run_tracked

    tracked = f"{name} ({where.variant})" if where.variant else name
    left = Path(out.path) / "mlflow"
    with chain_tracker(where, out, left) as tracker:
        given = dict(inputs)
        if work is None:
            given = {name: retry_storage(local_input)(str(uri)) for name, uri in inputs.items()}
        result = run_tracked(
            tracker,
            Step(tracked, stage),
            config,
            given,
            Path(out.path),
            work=work or run_task,
            **options,
        )
    if page:
        from poseline import report

        written_out = yaml.safe_dump(masked(read_slice(data)))
        report.write({name: result.out}, written_out, where.project, Path(page.path))
    if where.output and "model" in result.files:
        place = "/".join((where.output.rstrip("/"), chain_of(out), tracked.replace("/", "-")))
        retry_storage(store.publish)(result.out, place)
        out.metadata["published"] = place
    return result


def _with_model(inputs: str, model: Artifact) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what a stage reads, with its model, and the part that its test set is."""
    found = StageInputs.read(inputs)
    part = {"part": found.part} if found.part else {}
    return found.inputs | {"model": model_in(model)}, part
