"""A stage as a task of a pipeline: what a component's body calls, and nothing of KFP.

Inputs that are data sets come as URIs, since a packed set is read in place while its shards
arrive. Models come and go as artifacts, folders with a manifest. Figures travel as parameters: a
task that wants some of them has no use for the files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import Config, Stage
from poseline.config.models.general import OperationMode
from poseline.config.models.steps import Step
from poseline.errors import PoselineError, StoreError
from poseline.masking import mask, masked
from poseline.names import TAG_MESSAGE, TAG_STATE, TRAIN_PLATFORM
from poseline.runner.inputs import Sources
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest, entries, write_atomic
from poseline.tasks.artifacts import (
    Artifact,
    Place,
    chain_of,
    is_remote,
    leave_note,
    left_note,
    model_in,
    model_shown,
    show,
    uri_of,
)
from poseline.tasks.errors import exit_with_error_code, left_failure, retry_storage
from poseline.tasks.final_status import FinalStatus
from poseline.tasks.parameters import (
    DataSources,
    Figures,
    RunReference,
    SearchOrder,
    Share,
    StageInputs,
    read_figures,
    read_slice,
    write_manifests,
    written,
)
from poseline.tasks.resolve import STAGES
from poseline.tasks.resolve import resolve as resolved
from poseline.tasks.tracking import chain_tracker
from poseline.tracking.failures import Failure, fitting

_COMPARED = "compared"
"""Note of the task with which a sweep ends."""
_ENDS = {
    FinalStatus.FINISHED: "Every task is done.",
    FinalStatus.FAILED: "A task failed; its log says why.",
    FinalStatus.KILLED: "The run was ended before its tasks were done.",
}


@exit_with_error_code
def resolve(
    chain: str, config: str, form: Mapping[str, Any], variant: Mapping[str, Any]
) -> tuple[str, ...]:
    """Check what a run was started with.

    Args:
        chain: Name of the chain.
        config: The whole config as YAML.
        form: Fields that win over the config.
        variant: Fields of one pass of a sweep; they win over all else.

    Returns:
        The slice of each of `STAGES`, empty where the chain has no such stage; what
        `dataset-convert` gets; and what each task must know of its run.
    """
    found = retry_storage(resolved)(config, cast(OperationMode, chain), {**form, **variant})
    run = RunReference(
        mlflow=mask(found.config.mlflow.uri),  # credentials come from the platform's secret
        project=found.config.general.project_name,
        output=found.config.general.output or "",
        variant=", ".join(f"{k} {_short(v)}" for k, v in sorted(variant.items())),
    )
    data = DataSources(**found.data)
    slices = (written(found.slices.get(stage, {})) for stage in STAGES)
    return (*slices, data.text(), run.text())


@exit_with_error_code
def convert(config: str, data: str, dataset: Artifact) -> tuple[str, ...]:
    """Convert and pack a COCO set; any other set is passed on as it is.

    Returns:
        The inputs of train, quantize, evaluate and predict.
    """
    named, converted = DataSources.read(data), {}
    if named.source:
        from poseline.tasks.conversion import convert_and_pack

        packed = retry_storage(convert_and_pack)(
            _config(config), named.source, named.content["source"], dataset.path
        )
        dataset.metadata.update(packed.shown)
        converted = {part: packed.uri(part, uri_of(dataset)) for part in packed.parts}
    else:
        Path(dataset.path).mkdir(parents=True, exist_ok=True)
        dataset.metadata.update(named.sources)
    sources = Sources(**named.sources).completed(converted)
    fed: tuple[Stage, ...] = ("train", "quantize", "evaluate", "predict")
    return tuple(
        StageInputs(
            inputs=sources.inputs(Step(stage, stage)),
            content=named.content,
            part=(sources.test_part or "") if stage == "evaluate" else "",
        ).text()
        for stage in fed
    )


@exit_with_error_code
def split(
    dataset: str, output: str, parts: int, pose: str, keypoints: int, category: str
) -> list[str]:
    """Check the settings of a conversion in parts; return the share of each task."""
    from poseline.tasks.conversion_in_parts import shares

    found = retry_storage(shares)(dataset, output, parts, pose, keypoints, category)
    return [share.text() for share in found]


@exit_with_error_code
def convert_part(share: str) -> None:
    """Convert one part of a set."""
    from poseline.tasks import conversion_in_parts

    retry_storage(conversion_in_parts.convert_part)(Share.read(share))


@exit_with_error_code
def join(shares: Sequence[str], dataset: Artifact) -> str:
    """Make a set of its parts; return its URI."""
    from poseline.tasks.conversion_in_parts import joined

    place, counts = retry_storage(joined)([Share.read(share) for share in shares])
    Path(dataset.path).mkdir(parents=True, exist_ok=True)
    dataset.metadata["uri"] = place
    for name, each in counts.items():
        dataset.metadata |= {f"{name}_{reason}": count for reason, count in each.items() if count}
    return place


@exit_with_error_code
def import_model(data: str, model: Artifact) -> None:
    """Bring the model that a chain starts from, with its sidecar, among the artifacts."""
    import shutil

    uri = DataSources.read(data).sources["model"]
    source = retry_storage(store.fetch)(uri)
    if not source.is_file():
        raise StoreError(f"{uri} is not a file", "check general.model_path")
    out = Path(model.path)
    out.mkdir(parents=True, exist_ok=True)
    for path in (source, source.with_name(f"{source.name}.json")):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    Manifest("import", "", files=entries(out), roles={"model": source.name}).write(out)
    model.metadata.update(model_shown(out / source.name))


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
            tracker.parent.metrics(measured(known))  # stages from KFP's cache told it nothing
        write_atomic(Path(verdict.path), "# No gate\n\nThe config has no `gate` section.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        given, part = _with_model(inputs, model)
        given |= {k: str(path) for k, path in write_manifests(figures, Path(folder)).items()}
        out = Place(f"{folder}/gate", uri_of(verdict))
        result = _run("gate", config, given, run, out, **part)
        write_atomic(Path(verdict.path), result.files["page"].read_text(encoding="utf-8"))
    verdict.metadata.update({k: float(v) for k, v in result.metrics.items()})


@exit_with_error_code
def compare(judged: Mapping[str, Sequence[str]], table: Artifact, page: Artifact) -> None:
    """Compare the models of a sweep.

    Args:
        judged: `evaluate-float`, `evaluate-int8` and `benchmark` to the figures of each model.
        table: Markdown to write.
        page: HTML to write.
    """
    from poseline.stages.compare import run

    models: dict[str, list[Manifest]] = {}
    for results in judged.values():
        for figures in map(Figures.read, results):
            models.setdefault(figures.variant, []).append(figures.as_manifest)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compared"
        run(models, out)
        _show_comparison(out, table, page)
    leave_note(table, _COMPARED, "")


@exit_with_error_code
def plan_search(config: str, form: Mapping[str, Any], workers: int, trials: Artifact) -> list[str]:
    """Check a search; return what each worker is told."""
    from poseline.tasks.searching import orders

    Path(trials.path).mkdir(parents=True, exist_ok=True)
    found = retry_storage(orders)(config, form, workers, uri_of(trials))
    return [order.text() for order in found]


@exit_with_error_code
def work_at_search(order: str) -> None:
    """Work at a search until it is over."""
    from poseline.tasks.searching import work

    with tempfile.TemporaryDirectory() as folder:
        work(SearchOrder.read(order), Path(folder))


@exit_with_error_code
def finish_search(orders: Sequence[str], table: Artifact, page: Artifact, model: Artifact) -> None:
    """Compare the trials of a search, and put the best model through the gate."""
    import shutil

    from poseline.search.search import COMPARISON
    from poseline.tasks.searching import result

    with tempfile.TemporaryDirectory() as folder:
        found = result(SearchOrder.read(orders[0]), Path(folder))
        _show_comparison(Path(folder) / COMPARISON, table, page)
        best = found.best.results["quantize"]
        shutil.copytree(best.out, model.path, dirs_exist_ok=True)
        model.metadata.update(model_shown(best.files["model"]))


@exit_with_error_code
def finish(
    chain: str, config: str, form: Mapping[str, Any], state: str, message: str, summary: Artifact
) -> None:
    """Write how a run ended to MLflow, whatever became of it."""
    from poseline.config.loading.run_form import read, salvaged

    status, failure = FinalStatus.of(state), None
    if status == FinalStatus.KILLED and left_note(summary, _COMPARED) is not None:
        # Kubeflow lost sight of a workflow above Argo's limit, and takes it for one that runs.
        status = FinalStatus.FINISHED
    try:
        found = read(config, cast(OperationMode, chain), form)
        params = found.model_dump(mode="json", exclude={"hydra"})
    except PoselineError as error:
        message, params = f"{message}\n{error}".strip(), {}
        failure = Failure.of("resolve", error)
        found = salvaged(config)
    run = RunReference(mlflow=found.mlflow.uri, project=found.general.project_name)
    with chain_tracker(run, summary) as tracker:
        if status != FinalStatus.FINISHED:
            recorded = tracker.failure() or left_failure(summary)
            status = FinalStatus.FAILED if recorded else status
            failure = failure or recorded
            message = message or str(failure or "")
            tracker.parent.tags(failure.tags if failure else {})
        tracker.parent.params(params)
        message = fitting(message)
        tracker.parent.tags({TAG_STATE: state, TAG_MESSAGE: message[:500]})
        tracker.end(status)
    text = f"# {chain}: {status.lower()}\n\n{message or _ENDS[status]}\n"
    write_atomic(Path(summary.path), text)


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
    config, name, where = _config(data), step or stage, RunReference.read(run)
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


def _show_comparison(folder: Path, table: Artifact, page: Artifact) -> None:
    """Show what `stages.compare` wrote of a sweep or of a search."""
    from poseline.stages.compare import PAGE, TABLE

    for name, shown in ((TABLE, table), (PAGE, page)):
        write_atomic(Path(shown.path), (folder / name).read_text(encoding="utf-8"))


def _with_model(inputs: str, model: Artifact) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what a stage reads, with its model, and the part that its test set is."""
    found = StageInputs.read(inputs)
    part = {"part": found.part} if found.part else {}
    return found.inputs | {"model": model_in(model)}, part


def _config(text: str) -> Config:
    return from_slice(read_slice(text))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)
