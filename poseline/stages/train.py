"""train: a data set in, the best and the last model out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import psutil

from poseline.config.models.config import Config, config_hash
from poseline.config.models.training import Training
from poseline.data.crops import cropped
from poseline.data.definitions import agreed
from poseline.data.evaluation_batches import EvaluationBatches
from poseline.data.keypoints import KeypointSet
from poseline.data.pipeline import TrainingSet
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.data.yolo import Sample, split
from poseline.errors import ConfigError, Problem
from poseline.log import get_logger
from poseline.models.metadata import ModelMetadata, read_metadata, sidecar_path
from poseline.models.teacher import KEY
from poseline.progress import doing
from poseline.stages.result import Inputs, StageResult
from poseline.stages.train_files import CURVES, OnEpoch, Writer, claim, decoding_of, metadata_of
from poseline.store.manifest import content_hash, remove_halves
from poseline.training import checkpoint, keras_factory
from poseline.training.cluster import Cluster
from poseline.training.distillation import Teacher, load_teacher
from poseline.training.fast_model import make_twin
from poseline.training.folder import BESTS, HISTORY, LAST
from poseline.training.group import Group, together
from poseline.training.initialization import Initialization, initialize
from poseline.training.preemption import Preemption
from poseline.training.remote_checkpoint import Identity, RemoteCheckpoint
from poseline.training.tensorflow_setup import prepare
from poseline.training.trainer import Trainer

_log = get_logger(__name__)


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    logs: Path | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | None = None,
    cluster: Cluster | None = None,
) -> StageResult | None:
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
        cluster: The workers that train the model together, each on its share of every batch; all
            are called with the same config and sets. The first one, the chief, decides where the
            training goes on, and it alone writes; `out` of the others stays as it is.

    Returns:
        What the training left; None where another worker is the chief.

    Raises:
        ConfigError: Something in `training` does not fit Keras or the model.
        DataError: The set cannot be read.
        ModelError: The model to start from does not fit.
        StoreError: `checkpoint` cannot be read at the start; or another training, or a model of
            somebody's, stands where this one writes.
        TrainingInterruptedError: SIGTERM came; the checkpoint of the last epoch is in `out`, and
            at `checkpoint` where its storage answered in time.
        WorkerLostError: Another worker is gone. When all are run again with the same arguments,
            they go on from the last epoch.
    """
    training = config.training
    if training is None:
        raise ConfigError([Problem("training", "nothing", "a section")])
    prepare(config.general, _pixels(training))
    with together(cluster) as group:
        mirror = None
        if group.chief:
            claim(config, inputs, out)
            remove_halves(out, (*BESTS, LAST, HISTORY, CURVES))
            mirror = _mirror(config, inputs, out, checkpoint) if checkpoint else None
        samples, held_out = _samples(config, inputs)
        points = _points(config, inputs, samples)
        if config.dataset.crop_persons:
            margin = config.dataset.crop_margin
            samples = cropped(samples, len(points), margin)
            held_out = cropped(held_out, len(points), margin)
        if group.size > 1 and training.jit_compile:
            raise ConfigError([Problem("training.jit_compile", "true", "false with workers")])
        _check_shares(group, training.batch_size, len(samples))
        metadata = partial(metadata_of, config, points=points, data=inputs["training"])
        with tempfile.TemporaryDirectory() as scratch, doing("building the model"):
            handed = Path(scratch) / LAST
            if not group.chief:
                _hand_out(group, handed)
            mine = out if group.chief else handed.parent
            start = initialize(config, training, points, inputs, mine)
            shape = tuple(start.model.input_shape[1:])
            seed = start.state.seed or 0
            batches = TrainingSet(
                samples, config, points, shape, training.batch_size, seed, share=group.share
            )
            teacher = _teacher(config, start, points, inputs)
            trainer = _trainer(config, start, points, len(batches), teacher, group)
            if group.chief and group.size > 1:
                _keep(trainer, metadata(start), handed)
                _hand_out(group, handed)
        validation = EvaluationBatches(
            held_out,
            config.preprocessing,
            shape,
            len(points),
            training.batch_size,
            cache_bytes=psutil.virtual_memory().available // 8,
            share=group.share,
        )
        termination = Preemption(mirror.close if mirror else lambda _: None)
        writer = None
        if group.chief:
            board = logs or out / "logs"
            writer = Writer(
                config, trainer, metadata(start), out, board, on_epoch, mirror, termination
            )
        _log.info(
            "training",
            pictures=len(samples),
            validation=len(held_out),
            parameters=start.model.count_params(),
            from_epoch=trainer.state.epoch,
            **({"workers": group.size} if group.size > 1 else {}),
        )
        with termination:
            trainer.fit(
                batches,
                lambda: validation,
                training.epochs,
                writer.after_epoch if writer else lambda epoch, _: termination.check(epoch + 1),
            )
        return writer.finish(inputs) if writer else None


def _pixels(training: Training) -> int | None:
    """Return the pixels of a batch, where the config says what the model takes."""
    if training.model is None:
        return None
    height, width, _ = training.model.input_shape
    return training.batch_size * height * width


def _check_shares(group: Group, batch_size: int, pictures: int) -> None:
    most = min(batch_size, pictures)
    if group.size > most:
        hint = "each takes a part of every batch"
        raise ConfigError([Problem("workers", str(group.size), f"at most {most}", hint)])


def _keep(trainer: Trainer, metadata: ModelMetadata, path: Path) -> None:
    metadata.write(path)
    checkpoint.save(trainer.model, trainer.variables, trainer.state, path)


def _hand_out(group: Group, model: Path) -> None:
    """Give the chief's model and its sidecar to every worker of a group."""
    for path in (model, sidecar_path(model)):
        group.hand_out(path)


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
    group: Group,
) -> Trainer:
    twin = make_twin(start.model, steps, synchronized=group.size > 1)
    optimizer = keras_factory.optimizer(start.training)
    twin.compile(optimizer=optimizer, loss="mse")
    trainer = Trainer(
        start.model,
        twin,
        start.training.heatmaps,
        decoding_of(start.training, start.activation),
        config.preprocessing.resizing.aspect_ratio,
        points.sigmas,
        keras_factory.callbacks(start.training, group.chief),
        start.state,
        restore_callbacks=start.checkpoint is not None,
        activation=start.activation,
        teacher=teacher,
        ema=keras_factory.averaging(start.training),
        group=group,
        precision=start.training.precision,
        jit_compile=start.training.jit_compile,
    )
    if start.checkpoint:
        checkpoint.restore_variables(trainer.variables, start.checkpoint)
    return trainer
