"""A chain in one process: its steps in order, in one experiment directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseline import store
from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.config.models.keypoints import count_of
from poseline.config.models.steps import Step, planned
from poseline.data.conversion_source import points_of_source
from poseline.errors import BackendError, PoselineError
from poseline.names import TAG_RUN_DIRECTORY
from poseline.progress import doing
from poseline.runner import preflight
from poseline.runner.inputs import Sources
from poseline.runner.step import run_task
from poseline.runner.tracked import OnEpoch, run_tracked
from poseline.stages.result import StageResult
from poseline.store.lock import locked
from poseline.store.stamp import HTML, YAML, check_stamped, write_stamped
from poseline.training.cluster import Cluster

if TYPE_CHECKING:
    from poseline.tracking import Tracker

CONFIG = "config.yaml"
REPORT = "report.html"
LOCK = ".lock"


@dataclass
class Experiment:
    """The experiment directory of a chain.

    Attributes:
        folder: The directory, `hydra.run.dir`.
        config: The config of the chain.
        results: What each finished step left.
        on_epoch: Called with each epoch of the training from 0, and its figures.
        workers: Processes on this machine that share the training.
        cluster: The workers of a training that were started one by one; this one is their chief.
    """

    folder: Path
    config: Config
    results: dict[str, StageResult] = field(default_factory=dict)
    on_epoch: OnEpoch | None = None
    workers: int = 1
    cluster: Cluster | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the model passed the gate; None where there is no gate."""
        gate = self.results.get("gate")
        return bool(gate.metrics["passed"]) if gate else None

    @property
    def models(self) -> dict[str, Path]:
        """The model that each finished step made, if it made one."""
        found = {name: result.files.get("model") for name, result in self.results.items()}
        return {name: path for name, path in found.items() if path}

    def out(self, step: Step) -> Path:
        """Return the output folder of a step, as the document places it."""
        models = self.folder / self.config.general.saved_models_dir
        match step.stage:
            case "convert":
                return conversion_folder(self.config)
            case "train":
                return models
            case "quantize":
                quantization = self.config.quantization
                return models / (quantization.export_dir if quantization else "quantized_models")
            case "evaluate":
                return self.folder / "evaluation" / step.name.removeprefix("evaluate").strip("-")
            case "predict":
                return self.folder / "predictions"
            case "benchmark":
                return self.folder / "benchmark"
            case "export":
                return self.folder / "export"
            case "gate":
                return self.folder / "gate"

    def options(self, step: Step, sources: Sources) -> dict[str, Any]:
        """Return the further arguments of a step's stage."""
        if step.stage == "train":
            logs = self.folder / self.config.general.logs_dir
            options = {"logs": logs, "on_epoch": self.on_epoch}
            if self.cluster:
                return options | {"cluster": self.cluster}
            return options | {"workers": self.workers} if self.workers > 1 else options
        if step.stage in ("evaluate", "gate") and sources.test_part:
            return {"part": sources.test_part}
        return {}


def conversion_folder(config: Config) -> Path:
    """Return where a conversion writes: `<outputdir>/<pose>/<N>kpts`.

    Where the config does not say which keypoints, the set is looked into.

    Raises:
        DataError: It does not say either.
        StoreError: It cannot be fetched.
    """
    conversion, keypoints = config.conversion, config.dataset.keypoints
    if conversion is None:
        raise ValueError("the config has no conversion")
    if keypoints is None:
        count = len(points_of_source(store.fetch(conversion.path), conversion.category))
    else:
        count = count_of(keypoints)
    return Path(conversion.outputdir) / conversion.pose / f"{count}kpts"


def run_chain(
    config: Config,
    on_start: Callable[[Experiment], None] | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
) -> Experiment:
    """Run the steps of `operation_mode` and write the report.

    A chain that was interrupted goes on where it stopped when it is run again with the same
    `hydra.run.dir`: finished steps whose config slice and inputs are unchanged are not repeated.

    Args:
        config: A checked config.
        on_start: Called once the paths are checked, before the first step.
        on_epoch: Called with each epoch of the training from 0, and its figures; what it raises
            ends the chain.
        workers: Processes on this machine that share the training; they change nothing in what is
            learned.
        cluster: The workers of a training that were started one by one; this one is their chief.

    Returns:
        The finished experiment.

    Raises:
        PoselineError: A step cannot do its work; what was finished is kept.
        StoreError: A step would replace what is not its own, or another process runs there.
        BackendError: A model passed the gate and the registry cannot be reached; the same command
            registers it later.
    """
    experiment = Experiment(
        Path(config.hydra.run.dir), config, on_epoch=on_epoch, workers=workers, cluster=cluster
    )
    folder, page = experiment.folder, experiment.folder / REPORT
    with doing("checking the inputs"):
        preflight.check_inputs(config)
        preflight.check_outputs(config, folder, experiment.out)
    check_stamped(folder / CONFIG, YAML, load.dump(config))
    check_stamped(page, HTML)
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / LOCK, folder):
            if on_start:
                on_start(experiment)
            _run_steps(experiment)
    except PoselineError:
        if new and not experiment.results:
            preflight.remove_unstarted(config, folder, folder / CONFIG)
        raise
    return experiment


def _run_steps(experiment: Experiment) -> None:
    from poseline.tracking import open_tracker

    config = experiment.config
    write_stamped(experiment.folder / CONFIG, load.dump(config), YAML)
    outbox = experiment.folder / config.general.logs_dir / "mlflow"
    with open_tracker(config.mlflow.uri, config.general.project_name, outbox) as tracker:
        tracker.parent.tags(_tags(experiment))
        tracker.parent.params(config.model_dump(mode="json", exclude={"hydra"}))
        sources = _convert(experiment)
        refused: BackendError | None = None
        for step in planned(config):
            try:
                _run(experiment, tracker, step, sources)
            except BackendError as error:
                if step.stage != "gate":
                    raise
                refused = error  # the registry is away; what was measured is shown all the same
        tracker.parent.artifacts({"report": _report(experiment, sources)})
        if refused:
            raise refused


def _tags(experiment: Experiment) -> dict[str, str]:
    """Return what lets a user find the run in MLflow: a name to read, and where its files are."""
    folder = experiment.folder.resolve()
    name = f"{experiment.config.operation_mode} {folder.name}"
    return {"mlflow.runName": name, TAG_RUN_DIRECTORY: str(folder)}


def _convert(experiment: Experiment) -> Sources:
    config, converted = experiment.config, None
    if config.conversion and config.converts:
        step = Step("convert", "convert")
        converted = run_task(step, config, {"source": config.conversion.path}, experiment.out(step))
        experiment.results[step.name] = converted
    parts = {part: converted.out / part for part in ("train", "val", "test")} if converted else {}
    return Sources.named(config).completed({k: str(v) for k, v in parts.items() if v.is_dir()})


def _run(experiment: Experiment, tracker: Tracker, step: Step, sources: Sources) -> None:
    results = experiment.results
    model = str(results[step.model].files["model"]) if step.model else None
    judged = {k: str(r.out) for k, r in results.items() if r.stage in ("evaluate", "benchmark")}
    results[step.name] = run_tracked(
        tracker,
        step,
        experiment.config,
        sources.inputs(step, model, judged),
        experiment.out(step),
        **experiment.options(step, sources),
    )


def _report(experiment: Experiment, sources: Sources) -> Path:
    from poseline import report

    config, page = experiment.config, experiment.folder / REPORT
    folders = {name: result.out for name, result in experiment.results.items()}
    test = store.fetch(sources.test) if sources.test else None
    with doing("writing the report"):
        text = report.render(
            folders,
            load.dump(config),
            config.general.project_name,
            test,
            test_set=sources.test_set,
            beside=experiment.folder,
        )
    write_stamped(page, text, HTML)
    return page
