"""train: a data set in, the best and the last model out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from poseline.config.models.config import Config, config_hash
from poseline.config.models.preprocessing import Decoding
from poseline.config.models.training import FinalActivation, Training
from poseline.data.crops import cropped
from poseline.data.definitions import agreed
from poseline.data.evaluation_batches import EvaluationBatches
from poseline.data.keypoints import KeypointSet
from poseline.data.pipeline import TrainingSet
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.data.yolo import Sample, split
from poseline.errors import ConfigError, Problem, StoreError
from poseline.log import get_logger
from poseline.models.loading import load_keras
from poseline.models.metadata import ModelMetadata, keypoint_fields, read_metadata, sidecar_path
from poseline.models.teacher import KEY
from poseline.progress import doing
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import content_hash, remove_halves
from poseline.training import checkpoint, folder, history, keras_factory
from poseline.training.distillation import Teacher, load_teacher
from poseline.training.fast_model import make_twin
from poseline.training.folder import BESTS, HISTORY, LAST, TRANSFER, best_name
from poseline.training.initialization import Initialization, initialize
from poseline.training.preemption import Preemption
from poseline.training.remote_checkpoint import Identity, RemoteCheckpoint
from poseline.training.tensorflow_setup import prepare
from poseline.training.trainer import Trainer, log_line

CURVES = "learning_curves.png"
_log = get_logger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    logs: Path | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | None = None,
) -> StageResult:
    """Train a model.

    A training that was interrupted goes on from `last_trained_model.h5` in `out` when it is run
    again with the same config, and ends with the same weights as if it had not been
    (bit for bit with `deterministic_ops`).

    Args:
        config: The train slice or the whole config.
        inputs: `training`, `validation` (else part of the training set), and `model` to
            fine-tune, `resume` to go on with, or `weights` for a new model; and the `teacher`.
        out: Folder of the models.
        logs: Folder of the TensorBoard files; `out`/logs where it is None.
        on_epoch: Called with each epoch from 0 and its figures.
        checkpoint: URI of a folder that each epoch's models are sent to, in the background. A
            training that starts elsewhere, with the same config and inputs, goes on with what is
            there. A storage that fails later on fails no training.

    Raises:
        ConfigError: Something in `training` does not fit Keras or the model.
        DataError: The set cannot be read.
        ModelError: The model to start from does not fit.
        StoreError: `checkpoint` cannot be read at the start; or another training, or a model of
            somebody's, stands where this one writes.
        TrainingInterruptedError: SIGTERM came; the checkpoint of the last epoch is in `out`, and
            at `checkpoint` where its storage answered in time.
    """
    training = config.training
    if training is None:
        raise ConfigError([Problem("training", "nothing", "a section")])
    _claim(config, inputs, out)
    remove_halves(out, (*BESTS, LAST, HISTORY, CURVES))
    prepare(config.general)
    mirror = _mirror(config, inputs, out, checkpoint) if checkpoint else None
    samples, held_out = _samples(config, inputs)
    points = _points(config, inputs, samples)
    if config.dataset.crop_persons:
        margin = config.dataset.crop_margin
        samples = cropped(samples, len(points), margin)
        held_out = cropped(held_out, len(points), margin)
    with doing("building the model"):
        start = initialize(config, training, points, inputs, out)
    shape = tuple(start.model.input_shape[1:])
    seed = start.state.seed or 0
    batches = TrainingSet(samples, config, points, shape, training.batch_size, seed)
    validation = EvaluationBatches(
        held_out,
        config.preprocessing,
        shape,
        len(points),
        training.batch_size,
        cache_bytes=psutil.virtual_memory().available // 8,
    )
    teacher = _teacher(config, start, points, inputs)
    trainer = _trainer(config, start, points, steps=len(batches), teacher=teacher)
    metadata = _metadata(config, start, points, inputs["training"])
    termination = Preemption(mirror.close if mirror else lambda _: None)
    writer = _Writer(
        config, trainer, metadata, out, logs or out / "logs", on_epoch, mirror, termination
    )
    _log.info(
        "training",
        pictures=len(samples),
        validation=len(held_out),
        parameters=start.model.count_params(),
        from_epoch=trainer.state.epoch,
    )
    with termination:
        trainer.fit(
            batches,
            lambda: validation,
            training.epochs,
            writer.after_epoch,
        )
    return writer.finish(inputs)


def _claim(config: Config, inputs: Inputs, out: Path) -> None:
    """Make sure that no model is replaced but this training's own."""
    hashes = {name: content_hash(path) for name, path in inputs.items() if name != "resume"}
    resume = checkpoint.resumable(inputs["resume"]) if "resume" in inputs else None
    folder.claim(out, config.slice("train"), hashes, resume)
    exported = _exported(config, out)
    if exported and exported.exists() and not sidecar_path(exported).is_file():
        raise StoreError(
            f"{exported} is there already, and poseline did not write it",
            "choose another training.trained_model_path, or move it away",
        )


def _exported(config: Config, out: Path) -> Path | None:
    """Return where the best model is copied to, if it is."""
    training = config.training
    path = training.trained_model_path if training else None
    if not training or not path or Path(path).resolve() == out.resolve():
        return None
    return Path(path) / best_name(training.model_format)


def _mirror(config: Config, inputs: Inputs, out: Path, uri: str) -> RemoteCheckpoint:
    """Bring the checkpoint that is at `uri` to `out`, where it is further on than what is there."""
    slice_hash = config_hash(config.slice("train"))
    known = {name: content_hash(path) for name, path in inputs.items()}
    state = checkpoint.read_state(out / LAST) if (out / LAST).is_file() else None
    done = state.epoch if state and state.config_hash == slice_hash else 0
    mirror = RemoteCheckpoint(uri, Identity(slice_hash, known), out / ".mirror")
    mirror.restore(out, LAST, done)
    return mirror


def _samples(config: Config, inputs: Inputs) -> tuple[Sequence[Sample], Sequence[Sample]]:
    data = config.dataset
    samples = samples_of(inputs["training"])
    if "validation" in inputs:
        held_out = samples_of(inputs["validation"])
    else:
        samples, held_out = split(samples, data.validation_split, data.seed)
    if data.fraction < 1 and len(samples) > 1:
        _, samples = split(samples, data.fraction, data.seed)
    return samples, held_out


def _points(config: Config, inputs: Inputs, samples: Sequence[Sample]) -> KeypointSet:
    """Return the keypoints to learn: the config's or the set's.

    Those of a training that goes on must be the same; a model that is fine-tuned may have others.
    """
    known = None
    if "resume" in inputs:
        known = read_metadata(checkpoint.resumable(inputs["resume"]))
    named = config.dataset.keypoints
    of_the_set = points_of(inputs["training"], samples)
    if "model" in inputs and not (named or of_the_set):
        known = read_metadata(inputs["model"])
    points = agreed(named, set_=of_the_set, model=known.points if known else None)
    if not points.named and points.names[0] == "keypoint_1":
        _log.warning(
            "the set has no names for its keypoints: they are numbered, and only the partners that "
            "it names change places in a mirrored picture",
            keypoints=len(points),
            pairs=len(points.pairs),
        )
    return points


def _teacher(
    config: Config, start: Initialization, points: KeypointSet, inputs: Inputs
) -> Teacher | None:
    settings = start.training.distillation
    if settings is None:
        return None
    if "teacher" not in inputs:
        raise ConfigError([Problem(KEY, "nothing", "the teacher that the training began with")])
    with doing("loading the teacher"):
        return load_teacher(
            inputs["teacher"], config, settings.weight, start.model, start.activation, points
        )


def _trainer(
    config: Config,
    start: Initialization,
    points: KeypointSet,
    steps: int,
    teacher: Teacher | None,
) -> Trainer:
    twin = make_twin(start.model, steps)
    optimizer = keras_factory.optimizer(start.training)
    twin.compile(optimizer=optimizer, loss="mse")
    trainer = Trainer(
        start.model,
        twin,
        start.training.heatmaps,
        decoding_of(start.training, start.activation),
        config.preprocessing.resizing.aspect_ratio,
        points.sigmas,
        keras_factory.callbacks(start.training),
        start.state,
        restore_callbacks=start.checkpoint is not None,
        activation=start.activation,
        teacher=teacher,
        ema=keras_factory.averaging(start.training),
    )
    if start.checkpoint:
        checkpoint.restore_variables(trainer.variables, start.checkpoint)
    return trainer


def decoding_of(training: Training, activation: FinalActivation = "sigmoid") -> Decoding:
    """Return how heatmaps that were trained so are read best."""
    gaussian = training.heatmaps.target == "gaussian"
    return "dark" if gaussian or activation == "softmax" else "argmax"


def _metadata(
    config: Config, start: Initialization, points: KeypointSet, data: Path
) -> ModelMetadata:
    model, preprocessing = start.model, config.preprocessing
    return ModelMetadata(
        name=model.name,
        model_type="heatmaps_spe",
        **keypoint_fields(points),
        input_shape=model.input_shape[1:],
        output_shape=model.output_shape[1:],
        stride=model.input_shape[1] // model.output_shape[1],
        final_activation=start.activation,
        decoding=decoding_of(start.training, start.activation),
        scale=preprocessing.rescaling.scale,
        offset=preprocessing.rescaling.offset,
        color_mode=preprocessing.color_mode,
        interpolation=preprocessing.resizing.interpolation,
        aspect_ratio=preprocessing.resizing.aspect_ratio,
        crop_margin=config.dataset.crop_margin if config.dataset.crop_persons else None,
        dataset=config.dataset.name,
        dataset_hash=content_hash(data),
        config_hash=config_hash(config.slice("train")),
    )


class _Writer:
    """Keeps the best and the last model, and everything that is written after an epoch."""

    def __init__(
        self,
        config: Config,
        trainer: Trainer,
        metadata: ModelMetadata,
        out: Path,
        logs: Path,
        on_epoch: OnEpoch | None,
        mirror: RemoteCheckpoint | None,
        termination: Preemption,
    ) -> None:
        self._mirror, self._termination = mirror, termination
        self._config, self._trainer, self._metadata, self._out = config, trainer, metadata, out
        self._board, self._on_epoch = history.Board(logs, trainer.state.history), on_epoch
        assert config.training  # noqa: S101  checked by run
        self._epochs = config.training.epochs
        self._best = out / best_name(str(trainer.state.training.get("model_format", "h5")))
        saving = config.training.callbacks.get("ModelCheckpoint", {})
        self._monitor = str(saving.get("monitor", "val_oks"))
        mode = saving.get("mode", "auto")
        self._sign = -1 if mode == "min" or (mode == "auto" and "loss" in self._monitor) else 1

    def after_epoch(self, epoch: int, figures: dict[str, float]) -> None:
        state = self._trainer.state
        if self._monitor not in figures:
            raise ConfigError(
                [
                    Problem(
                        "training.callbacks.ModelCheckpoint.monitor",
                        self._monitor,
                        ", ".join(figures),
                    )
                ]
            )
        value = figures[self._monitor]
        model = self._trainer.export()
        better = math.isfinite(value) and (
            state.best is None or self._sign * value > self._sign * state.best
        )
        if better or not self._best.is_file():
            state.best, state.best_epoch = value if better else None, epoch
            self._metadata.write(self._best)
            checkpoint.save_model(model, self._best)
        self._metadata.write(self._out / LAST)
        checkpoint.save(model, self._trainer.variables, state, self._out / LAST)
        history.write_history(state.history, self._out / HISTORY)
        if self._mirror:
            self._mirror.offer(epoch + 1, self._out, [*self._models, HISTORY])
        self._board.write(epoch, figures)
        _log.info("epoch", **log_line(epoch, self._epochs, figures))
        if self._on_epoch:
            self._on_epoch(epoch, figures)
        self._termination.check(epoch + 1)

    @property
    def _models(self) -> list[str]:
        """Names of the models and of their sidecars."""
        paths = (self._best, self._out / LAST)
        return [name for p in paths for name in (p.name, sidecar_path(p).name)]

    def finish(self, inputs: Inputs) -> StageResult:
        state = self._trainer.state
        if exported := _exported(self._config, self._out):
            self._metadata.write(exported)
            checkpoint.save_model(load_keras(self._best), exported)
        history.plot_curves(state.history, self._out / CURVES)
        best = state.best_epoch or 0
        transfer = [TRANSFER] if (self._out / TRANSFER).is_file() else []
        return finish(
            "train",
            self._config,
            inputs,
            self._out,
            roles={
                "model": self._best.name,
                "last_model": LAST,
                "history": HISTORY,
                "curves": CURVES,
            },
            files=[*self._models, HISTORY, CURVES, *transfer],
            metrics=state.history[best] | {"epochs": state.epoch, "best_epoch": best + 1},
            summary={"history": state.history, "monitor": self._monitor},
        )
