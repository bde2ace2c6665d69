"""A chain in one process: its steps in order, in one experiment directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseline import store
from poseline.config import load
from poseline.config.chain import Step, steps
from poseline.config.config import Config
from poseline.stages.result import StageResult
from poseline.stages.task import run_task
from poseline.store.manifest import Manifest, write_atomic

if TYPE_CHECKING:
    from poseline.tracking import StageRun, Tracker

CONFIG = "config.yaml"
REPORT = "report.html"


@dataclass(frozen=True)
class Sources:
    """Where a chain's pictures and its first model come from; paths or URIs.

    Attributes:
        training: Training set.
        validation: Validation set; None: part of the training set is taken.
        test: Test set.
        test_part: `validation` where the test set is that part of the training set.
        calibration: Calibration set; None: random data.
        model: Model to start from.
        resume: Interrupted training to go on with.
        images: Pictures to annotate.
    """

    training: str | None = None
    validation: str | None = None
    test: str | None = None
    test_part: str | None = None
    calibration: str | None = None
    model: str | None = None
    resume: str | None = None
    images: str | None = None

    @classmethod
    def of(cls, config: Config, converted: Path | None = None) -> Sources:
        """Return what a config names, with the converted set where it names none.

        Args:
            config: The config.
            converted: Output of the conversion, with train/ and perhaps val/.
        """
        data, training = config.dataset, config.dataset.training_path
        validation = data.validation_path
        if converted:
            parts = {part: converted / part for part in ("train", "val")}
            training = training or _folder(parts["train"])
            validation = validation or _folder(parts["val"])
        test, part = data.test_path or validation, None
        if test is None and training:
            test, part = training, "validation"
        return cls(
            training=training or validation,
            validation=validation,
            test=test,
            test_part=part,
            calibration=data.quantization_path or training,
            model=config.general.model_path,
            resume=config.training.resume_training_from if config.training else None,
            images=config.prediction.test_files_path if config.prediction else None,
        )

    def inputs(self, step: Step, models: Mapping[str, Path]) -> dict[str, str]:
        """Return the inputs of a step, those that there are.

        Args:
            step: The step.
            models: Name of each finished step to the model that it made.
        """
        model = str(models[step.model]) if step.model else self.model
        wanted: dict[str, dict[str, str | None]] = {
            "train": {
                "training": self.training,
                "validation": self.validation,
                "model": model,
                "resume": self.resume,
            },
            "quantize": {"model": model, "calibration": self.calibration},
            "evaluate": {"model": model, "test": self.test},
            "predict": {"model": model, "images": self.images},
            "benchmark": {"model": model},
        }
        return {name: uri for name, uri in wanted[step.stage].items() if uri}


def _folder(path: Path) -> str | None:
    return str(path) if path.is_dir() else None


@dataclass
class Experiment:
    """The experiment directory of a chain.

    Attributes:
        folder: The directory, `hydra.run.dir`.
        config: The config of the chain.
        results: What each finished step left.
    """

    folder: Path
    config: Config
    results: dict[str, StageResult] = field(default_factory=dict)

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

    def options(self, step: Step, sources: Sources) -> dict[str, Any]:
        """Return the further arguments of a step's stage."""
        if step.stage == "train":
            return {"logs": self.folder / self.config.general.logs_dir}
        if step.stage == "evaluate" and sources.test_part:
            return {"part": sources.test_part}
        return {}


def conversion_folder(config: Config) -> Path:
    """Return where a conversion writes: `<outputdir>/<pose>/<N>kpts`."""
    conversion = config.conversion
    if conversion is None:
        raise ValueError("the config has no conversion")
    return Path(conversion.outputdir) / conversion.pose / f"{config.dataset.keypoints}kpts"


def run_chain(config: Config) -> Experiment:
    """Run the steps of `operation_mode` and write the report.

    A chain that was interrupted goes on where it stopped when it is run again with the same
    `hydra.run.dir`: finished steps whose config slice and inputs are unchanged are not repeated.

    Args:
        config: A checked config.

    Returns:
        The finished experiment.

    Raises:
        PoselineError: A step cannot do its work; what was finished is kept.
    """
    from poseline import report
    from poseline.tracking import open_tracker

    experiment = Experiment(Path(config.hydra.run.dir), config)
    write_atomic(experiment.folder / CONFIG, load.dump(config))
    outbox = experiment.folder / config.general.logs_dir / "mlflow"
    with open_tracker(config.mlflow.uri, config.general.project_name, outbox) as tracker:
        tracker.parent.params(config.model_dump(mode="json", exclude={"hydra"}))
        sources = _run_steps(experiment, tracker)
        folders = {name: result.out for name, result in experiment.results.items()}
        page = experiment.folder / REPORT
        test = store.fetch(sources.test) if sources.test else None
        report.write(folders, load.dump(config), config.general.project_name, page, test)
        tracker.parent.artifacts({"report": page})
    return experiment


def _run_steps(experiment: Experiment, tracker: Tracker) -> Sources:
    config, converted = experiment.config, None
    if config.conversion:
        step = Step("convert", "convert")
        converted = run_task(step, config, {"source": config.conversion.path}, experiment.out(step))
        experiment.results[step.name] = converted
    sources = Sources.of(config, converted.out if converted else None)
    for step in steps(config.operation_mode):
        with tracker.stage(step.name) as run:
            options = experiment.options(step, sources)
            if step.stage == "train":
                options["on_epoch"] = lambda epoch, figures, run=run: run.metrics(figures, epoch)
            result = run_task(
                step,
                config,
                sources.inputs(step, experiment.models),
                experiment.out(step),
                **options,
            )
            experiment.results[step.name] = result
            _track(run, tracker, step, result)
    return sources


def _track(run: StageRun, tracker: Tracker, step: Step, result: StageResult) -> None:
    """Log what a stage left; the chain's own run gets the figures that runs are compared by."""
    run.params({"config_hash": Manifest.read(result.out).config_hash})
    if history := result.summary.get("history"):
        for epoch, figures in enumerate(history):
            run.metrics(figures, epoch)  # what an interrupted attempt could not log
        figures = {f"best_{name}": result.metrics[name] for name in history[0]}
        run.metrics(figures | {"best_epoch": result.metrics["best_epoch"]}, len(history) - 1)
    else:
        run.metrics(result.metrics)
    run.artifacts({role: path for role, path in result.files.items() if role != "last_model"})
    names = {"evaluate-float": {"oks": "oks_float"}, "evaluate-int8": {"oks": "oks_int8"}}
    shown = names.get(step.name, {name: name for name in ("fits", "latency_ms_estimate")})
    tracker.parent.metrics(
        {new: result.metrics[k] for k, new in shown.items() if k in result.metrics}
    )
    if model := result.files.get("model"):
        run.model(model)
