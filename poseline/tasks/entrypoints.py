"""A stage as a task of a pipeline: what a component's body calls, and nothing of KFP.

Inputs that are data sets come as URIs, since a packed set is read in place while its shards
arrive. Models come and go as artifacts, folders with a manifest. Figures travel as parameters: a
task that wants some of them has no use for the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from poseline import store
from poseline.config.loading import load
from poseline.config.models.config import Config, Stage
from poseline.config.models.general import OperationMode
from poseline.config.models.steps import Step
from poseline.errors import PoselineError
from poseline.runner.inputs import Sources
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest, entries, write_atomic
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
from poseline.tasks.errors import patiently, told
from poseline.tasks.resolve import STAGES
from poseline.tasks.resolve import resolve as resolved
from poseline.tasks.wire import Json, figures_of, manifest_of, received, sent, write_figures

if TYPE_CHECKING:
    from poseline.tracking import Tracker

_PATIENCE_S = 300.0  # for MLflow: what is not delivered goes with the pod


@told
def resolve(
    chain: str, config: str, form: Mapping[str, Any], variant: Mapping[str, Any]
) -> tuple[Json, ...]:
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
    found = patiently(resolved)(config, cast(OperationMode, chain), {**form, **variant})
    run = {
        "mlflow": found.config.mlflow.uri,
        "project": found.config.general.project_name,
        "output": found.config.general.output or "",
        "variant": ", ".join(f"{k} {_short(v)}" for k, v in sorted(variant.items())),
    }
    return (*(sent(found.slices.get(stage, {})) for stage in STAGES), found.data, run)


@told
def convert(config: Json, data: Json, dataset: Artifact) -> tuple[Json, ...]:
    """Convert and pack a COCO set; any other set is passed on as it is.

    Returns:
        The inputs of train, quantize, evaluate and predict: `inputs`, a name to a URI each, and
        what their content is known by.
    """
    sources, converted = Sources(**data["sources"]), {}
    if data["source"]:
        from poseline.tasks.conversion import convert_and_pack

        packed = patiently(convert_and_pack)(
            _config(config), data["source"], data["content"]["source"], dataset.path
        )
        dataset.metadata.update(packed.shown)
        converted = {part: packed.uri(part, uri_of(dataset)) for part in packed.parts}
    else:
        Path(dataset.path).mkdir(parents=True, exist_ok=True)
        dataset.metadata.update(data["sources"])
    sources = sources.completed(converted)
    part = {"part": sources.test_part} if sources.test_part else {}
    fed: tuple[Stage, ...] = ("train", "quantize", "evaluate", "predict")
    return tuple(
        {
            "inputs": sources.inputs(Step(stage, stage)),
            "content": data["content"],
            **(part if stage == "evaluate" else {}),
        }
        for stage in fed
    )


@told
def import_model(data: Json, model: Artifact) -> None:
    """Bring the model that a chain starts from, with its sidecar, among the artifacts."""
    import shutil

    source = patiently(store.fetch)(data["sources"]["model"])
    out = Path(model.path)
    out.mkdir(parents=True, exist_ok=True)
    for path in (source, source.with_name(f"{source.name}.json")):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    Manifest("import", "", files=entries(out), roles={"model": source.name}).write(out)
    model.metadata.update(model_shown(out / source.name))


@told
def train(
    config: Json, inputs: Json, run: Json, model: Artifact, metrics: Artifact, page: Artifact
) -> None:
    """Train; `model` becomes the folder of the best and the last model."""
    options = {"checkpoint": f"{uri_of(model)}.checkpoint"} if is_remote(model) else {}
    result = _run("train", config, inputs["inputs"], run, model, page, **options)
    model.metadata.update(model_shown(result.files["model"]))
    if (oks := result.metrics.get("val_oks")) is not None:
        model.metadata["oks"] = oks
    show(metrics, result)


@told
def quantize(
    config: Json,
    inputs: Json,
    run: Json,
    model: Artifact,
    quantized: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> None:
    """Quantize a model."""
    given = inputs["inputs"] | {"model": model_in(model)}
    result = _run("quantize", config, given, run, quantized, page)
    settings = {k: str(result.summary[k]) for k in ("quantizer", "granularity")}
    quantized.metadata.update(model_shown(result.files["model"]), **settings)
    show(metrics, result)


@told
def evaluate(
    step: str,
    config: Json,
    inputs: Json,
    run: Json,
    model: Artifact,
    evaluation: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> Json:
    """Evaluate a model, and return its figures."""
    given = inputs["inputs"] | {"model": model_in(model)}
    part = {"part": inputs["part"]} if "part" in inputs else {}
    result = _run("evaluate", config, given, run, evaluation, page, step=step, **part)
    evaluation.metadata["oks"] = result.metrics.get("oks", 0.0)
    show(metrics, result)
    return figures_of(result, run)


@told
def predict(
    config: Json, inputs: Json, run: Json, model: Artifact, poses: Artifact, page: Artifact
) -> None:
    """Draw the poses that a model sees."""
    given = inputs["inputs"] | {"model": model_in(model)}
    result = _run("predict", config, given, run, poses, page)
    poses.metadata.update({k: float(v) for k, v in result.metrics.items()})


@told
def benchmark(
    config: Json,
    run: Json,
    model: Artifact,
    benchmark: Artifact,
    metrics: Artifact,
    page: Artifact,
) -> Json:
    """Measure a model here and estimate it on the boards, and return its figures."""
    result = _run("benchmark", config, {"model": model_in(model)}, run, benchmark, page)
    benchmark.metadata["board"] = str(result.summary["board"])
    show(metrics, result)
    return figures_of(result, run)


@told
def gate(
    config: Json,
    inputs: Json,
    run: Json,
    judged: Mapping[str, Json],
    model: Artifact,
    verdict: Artifact,
) -> None:
    """Decide whether a model is registered; `verdict` is Markdown that says why."""
    if not config.get("gate"):
        from poseline.stages.gate import measured

        known = {name: manifest_of(figures) for name, figures in judged.items() if figures}
        with _tracker(run["mlflow"], run["project"], verdict) as tracker:
            tracker.parent.metrics(measured(known))  # stages from KFP's cache told it nothing
        write_atomic(Path(verdict.path), "# No gate\n\nThe config has no `gate` section.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        given = {name: str(path) for name, path in write_figures(judged, Path(folder)).items()}
        given |= {"model": model_in(model)} | inputs["inputs"]
        out = Place(f"{folder}/gate", uri_of(verdict))
        part = {"part": inputs["part"]} if "part" in inputs else {}
        result = _run("gate", config, given, run, out, **part)
        write_atomic(Path(verdict.path), result.files["page"].read_text(encoding="utf-8"))
    verdict.metadata.update({k: float(v) for k, v in result.metrics.items()})


@told
def compare(judged: Mapping[str, Sequence[Json]], table: Artifact, page: Artifact) -> None:
    """Compare the models of a sweep.

    Args:
        judged: `evaluate-float`, `evaluate-int8` and `benchmark` to the figures of each model.
        table: Markdown to write.
        page: HTML to write.
    """
    from poseline.stages.compare import PAGE, TABLE, run

    models: dict[str, list[Manifest]] = {}
    for results in judged.values():
        for figures in results:
            models.setdefault(figures["variant"], []).append(manifest_of(figures))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compared"
        run(models, out)
        for name, shown in ((TABLE, table), (PAGE, page)):
            write_atomic(Path(shown.path), (out / name).read_text(encoding="utf-8"))


@told
def finish(
    chain: str, config: str, form: Mapping[str, Any], state: str, message: str, summary: Artifact
) -> None:
    """Write how a run ended to MLflow, whatever became of it."""
    from poseline.config.loading.run_form import read, salvaged

    status = "FINISHED" if state == "SUCCEEDED" else "FAILED"
    try:
        found = read(config, cast(OperationMode, chain), form)
        params = found.model_dump(mode="json", exclude={"hydra"})
    except PoselineError as error:
        message, params = f"{message}\n{error}".strip(), {}
        found = salvaged(config)
    with _tracker(found.mlflow.uri, found.general.project_name, summary) as tracker:
        tracker.parent.params(params)
        tracker.parent.tags({"poseline.state": state, "poseline.message": message[:500]})
        tracker.end(status)
    text = f"# {chain}: {state.lower()}\n\n{message or 'Every task is done.'}\n"
    write_atomic(Path(summary.path), text)


def _run(
    stage: Stage,
    data: Json,
    inputs: Mapping[str, str | Path],
    run: Json,
    out: Artifact,
    page: Artifact | None = None,
    *,
    step: str | None = None,
    **options: Any,
) -> StageResult:
    """Run a stage, track it, show it, and copy what it made to where models are wanted, too."""
    config, name = _config(data), step or stage
    from poseline.runner.step import local_input
    from poseline.runner.tracked import run_tracked

    tracked = f"{name} ({run['variant']})" if run["variant"] else name
    left = Path(out.path) / "mlflow"
    with _tracker(run["mlflow"], run["project"], out, left) as tracker:
        given = {name: patiently(local_input)(str(uri)) for name, uri in inputs.items()}
        result = run_tracked(
            tracker, Step(tracked, stage), config, given, Path(out.path), **options
        )
    if page:
        from poseline import report

        report.write({name: result.out}, yaml.safe_dump(data), run["project"], Path(page.path))
    if run["output"] and "model" in result.files:
        place = "/".join((run["output"].rstrip("/"), chain_of(out), tracked.replace("/", "-")))
        patiently(store.publish)(result.out, place)
        out.metadata["published"] = place
    return result


@contextmanager
def _tracker(
    uri: str, project: str, artifact: Artifact, leave: Path | None = None
) -> Iterator[Tracker]:
    """Track the chain that an artifact is of."""
    from poseline.tracking import open_tracker

    with (
        tempfile.TemporaryDirectory() as folder,
        open_tracker(
            uri,
            project,
            Path(folder),
            chain_id=chain_of(artifact),
            patience=_PATIENCE_S,
            leave=leave,
        ) as tracker,
    ):
        yield tracker


def _config(data: Json) -> Config:
    return load.from_slice(received(data))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)
