"""What is checked before a chain begins, so that nothing costs time or a file in vain."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from poseline.config.models.config import Config
from poseline.config.models.steps import Step, planned
from poseline.config.models.training import Model
from poseline.data.definitions import defined
from poseline.errors import DataError, ModelError, PoselineError, StoreError
from poseline.models.imagenet import imagenet_weights
from poseline.models.teacher import KEY as TEACHER
from poseline.models.teacher import check_teacher
from poseline.runner.inputs import Sources
from poseline.store.ownership import check_kind
from poseline.training import folder as training_folder

_INPUTS: dict[str, tuple[str, type[PoselineError]]] = {
    "source": ("conversion.path", DataError),
    "training": ("dataset.training_path", DataError),
    "validation": ("dataset.validation_path", DataError),
    "test": ("dataset.test_path", DataError),
    "calibration": ("dataset.quantization_path", DataError),
    "images": ("prediction.test_files_path", DataError),
    "model": ("general.model_path", ModelError),
    "resume": ("training.resume_training_from", ModelError),
    "weights": ("training.model.pretrained_weights", ModelError),
    "teacher": (TEACHER, ModelError),
}


def check_inputs(config: Config) -> None:
    """Report an input that is not there, and fetch the published weights that are not here yet.

    Raises:
        DataError: Pictures are not there.
        ModelError: A model is missing or unusable, or the published weights cannot be obtained.
    """
    for key, uri, error in named_inputs(config):
        if "://" in uri:
            continue
        if not Path(uri).exists():
            raise error(f"{key}: {uri} does not exist", f"check {key}, or give a URI")
        if key in ("general.model_path", TEACHER):
            from poseline.runtime import check_model_file

            check_model_file(Path(uri))
        elif key == "training.model.pretrained_weights":
            _check_weights(key, Path(uri))
    check_local_teacher(config)
    if model := with_imagenet_weights(config):
        imagenet_weights(model.alpha, model.input_shape)


def _check_weights(key: str, path: Path) -> None:
    from poseline.models.weights_file import opened_weights

    try:
        with opened_weights(path):
            pass
    except ModelError as error:
        raise ModelError(f"{key}: {error.message}", error.remedy) from None


def check_local_teacher(config: Config) -> None:
    """Report a teacher that is here and does not fit what the config says of its student.

    Raises:
        ModelError: See `check_teacher`.
    """
    training, keypoints = config.training, config.dataset.keypoints
    if not training or "train" not in config.stages or not training.distillation:
        return
    path = Path(training.distillation.model)
    if training.model and keypoints is not None and path.is_file():
        model, points = training.model, defined(keypoints)
        check_teacher(path, points, model.input_shape, model.final_activation, config.preprocessing)


def named_inputs(config: Config) -> list[tuple[str, str, type[PoselineError]]]:
    """Return what the mode reads: its key, its path or URI, and the error where it is not there."""
    named = Sources.named(config)
    todo = planned(config)
    inputs = {name: uri for step in todo for name, uri in named.inputs(step).items()}
    if config.conversion and config.converts:
        inputs["source"] = config.conversion.path
    return [(key, inputs[name], error) for name, (key, error) in _INPUTS.items() if name in inputs]


def with_imagenet_weights(config: Config) -> Model | None:
    """Return the new model that is to start from the published weights, if there is one."""
    model = config.training.model if config.training and "train" in config.stages else None
    return model if model and model.pretrained_weights == "imagenet" else None


def check_outputs(config: Config, folder: Path, out: Callable[[Step], Path]) -> None:
    """Report what stands where a step is to write.

    Args:
        config: The config of the chain.
        folder: Its experiment directory.
        out: Returns the output folder of a step.

    Raises:
        StoreError: A step would replace what is not its own.
    """
    convert = [Step("convert", "convert")] if config.converts else []
    todo = [*convert, *planned(config)]
    places = {step.name: _real(out(step)) for step in todo}
    for step in todo:
        if step.stage == "train":
            training_folder.check(out(step), config.slice("train"), resume=_resumed(config))
            continue
        others = [place for name, place in places.items() if name != step.name]
        _check_apart(step, out(step), [_real(folder), *others])
        check_kind(out(step), step.stage)


def remove_unstarted(config: Config, folder: Path, *written: Path) -> None:
    """Remove the directory of a chain whose first step made nothing, unless MLflow needs it.

    Args:
        config: The config of the chain.
        folder: Its experiment directory, which it made.
        written: What it wrote before the first step.
    """
    from poseline.tracking import outboxes
    from poseline.tracking.outbox import Outbox

    logs = folder / config.general.logs_dir
    ours = (*written, folder / config.general.saved_models_dir / training_folder.SETTINGS)
    files = (path for path in folder.rglob("*") if not path.is_dir())
    if any(path not in ours and logs not in path.parents for path in files):
        return
    if not any(Outbox(box).pending() for box in outboxes(logs)):
        shutil.rmtree(folder, ignore_errors=True)


def _check_apart(step: Step, out: Path, others: Iterable[Path]) -> None:
    place = _real(out)
    for other in others:
        if place in (other, *other.parents):
            raise StoreError(
                f"{step.name} would replace the folder {out}, but {other} must be kept",
                "give each step its own folder: see quantization.export_dir, "
                "general.saved_models_dir and conversion.outputdir",
            )


def _resumed(config: Config) -> Path | None:
    """Return the checkpoint that `resume_training_from` names, where it is here."""
    named = config.training.resume_training_from if config.training else None
    if not named or "://" in named:
        return None
    return next((p for p in training_folder.checkpoints(Path(named)) if p.is_file()), None)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
