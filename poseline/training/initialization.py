"""Where a training begins: a checkpoint of its own, another training's, a model, or nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from poseline.config.models.config import Config, config_hash
from poseline.config.models.training import FinalActivation, Training
from poseline.data.image_reading import CHANNELS
from poseline.data.keypoints import KeypointSet
from poseline.errors import ConfigError, ModelError, Problem
from poseline.log import get_logger
from poseline.models import movenet
from poseline.models.head import with_new_head
from poseline.models.loading import load_keras
from poseline.models.metadata import read_metadata, sidecar_path
from poseline.models.pretrained import load_pretrained, transferred_csv
from poseline.store.manifest import write_atomic
from poseline.training import checkpoint
from poseline.training.checkpoint import LAST, TrainingState
from poseline.training.folder import TRANSFER, best_name

_log = get_logger(__name__)
_FREE = ("batch_size", "epochs", "callbacks", "jit_compile")
"""What a resumed training takes from its own config; the rest stays as it began."""


@dataclass
class Initialization:
    """Where a training begins.

    Attributes:
        model: The model, with the layers that are frozen.
        training: Its settings; a resumed training keeps those that it began with.
        state: How far it has come.
        checkpoint: The file whose optimizer state it goes on with; None: it is a new training.
        activation: What the model's output is.
    """

    model: keras.Model
    training: Training
    state: TrainingState
    checkpoint: Path | None = None
    activation: FinalActivation = "sigmoid"


def initialize(
    config: Config,
    training: Training,
    points: KeypointSet,
    inputs: Mapping[str, Path],
    out: Path,
) -> Initialization:
    """Find what a training starts from.

    Args:
        config: The train slice or the whole config.
        training: Its `training`.
        points: Keypoints that are to be learned.
        inputs: `resume`, `model` and `weights`, those that there are.
        out: Folder of the training, with its own checkpoint where it was interrupted.

    Raises:
        ConfigError: The frozen layers or the dropout do not fit the model, or a resumed training
            has no epoch left.
        ModelError: The model, the checkpoint or the pretrained weights do not fit.
    """
    own, slice_hash = out / LAST, config_hash(config.slice("train"))
    if own.is_file() and (state := checkpoint.read_state(own)) and state.config_hash == slice_hash:
        settings = Training.model_validate(state.training | _free(training))
        return Initialization(load_keras(own), settings, state, own, _activation(own))
    if "resume" in inputs:
        source = checkpoint.resumable(inputs["resume"])
        state = checkpoint.read_state(source)
        if state is None:
            raise ModelError(
                f"{source} is a model without the state of its training",
                "fine-tune it instead: set general.model_path",
            )
        _check_epochs(training, state, source)
        state.config_hash, state.stopped = slice_hash, False
        _take_best(source, out, state)
        resumed = _resumed(training, state)
        return Initialization(load_keras(source), resumed, state, source, _activation(source))
    if "model" in inputs:
        model = _fine_tuned(load_keras(inputs["model"]), config, points, inputs["model"])
        activation = _activation(inputs["model"])
    elif training.model:
        activation = training.model.final_activation
        model = movenet.build(training.model, len(points), training.dropout)
        weights = str(inputs.get("weights") or training.model.pretrained_weights or "")
        if weights:
            transfer = load_pretrained(model, weights, training.model.alpha, points)
            write_atomic(out / TRANSFER, transferred_csv(transfer))
    else:
        raise ConfigError([Problem("training.model", "nothing", "a model to train")])
    _freeze(model, training)
    seed = config.general.global_seed
    return Initialization(
        model,
        training,
        TrainingState(
            training=training.model_dump(mode="json"),
            config_hash=slice_hash,
            seed=secrets.randbits(32) if seed is None else seed,
        ),
        activation=activation,
    )


def _activation(model: Path) -> FinalActivation:
    """Return what a model's output is; heatmaps where it has no sidecar that says otherwise."""
    metadata = read_metadata(model)
    return metadata.final_activation if metadata else "sigmoid"


def _check_epochs(training: Training, state: TrainingState, source: Path) -> None:
    if training.epochs <= state.epoch:
        raise ConfigError(
            [
                Problem(
                    "training.epochs",
                    str(training.epochs),
                    f"more than {state.epoch}, which {source} has done",
                    "on a resume, too, it counts from the first epoch",
                )
            ]
        )


def _take_best(source: Path, out: Path, state: TrainingState) -> None:
    """Copy the best model of the training that is resumed, which later ones must surpass."""
    if source.parent.resolve() == out.resolve():
        return
    best = source.with_name(best_name(str(state.training.get("model_format", "h5"))))
    sidecar = sidecar_path(best)
    if not (best.is_file() and sidecar.is_file()):
        state.best = state.best_epoch = None
        _log.warning("the best model so far is not beside the checkpoint", checkpoint=str(source))
        return
    write_atomic(out / sidecar.name, sidecar.read_bytes())
    write_atomic(out / best.name, best.read_bytes())


def _free(training: Training) -> dict[str, Any]:
    return {name: training.model_dump(mode="json")[name] for name in _FREE}


def _resumed(training: Training, state: TrainingState) -> Training:
    asked = training.model_dump(mode="json")
    kept = Training.model_validate(state.training).model_dump(mode="json")
    for name in (
        "optimizer",
        "frozen_layers",
        "dropout",
        "heatmaps",
        "model_format",
        "distillation",
        "ema",
        "precision",
    ):
        if asked[name] != kept[name]:
            _log.warning(
                "a resumed training keeps its setting",
                setting=f"training.{name}",
                kept=kept[name],
                ignored=asked[name],
            )
    return Training.model_validate(state.training | _free(training))


def _fine_tuned(model: keras.Model, config: Config, points: KeypointSet, path: Path) -> keras.Model:
    """Return a model whose layers all learn, with the dropout and a head for the keypoints.

    Raises:
        ModelError: It does not take such pictures, or puts out something else than heatmaps.
        ConfigError: A dropout rate is set and the model has no such layer.
    """
    taken, found = model.input_shape, model.output_shape
    if len(found) != 4:
        raise ModelError(
            f"general.model_path puts out {found[1:]}",
            f"expected heatmaps (h, w, K): {len(points)} keypoints are to be learned",
        )
    mode = config.preprocessing.color_mode
    if len(taken) != 4 or None in taken[1:] or taken[-1] != CHANNELS[mode]:
        raise ModelError(
            f"general.model_path takes {taken[1:]}",
            f"expected pictures (h, w, {CHANNELS[mode]}) of a fixed size with color_mode {mode}",
        )
    metadata = read_metadata(path)
    known = metadata.points if metadata else None
    if found[-1] != len(points) or (known and not known.fits(points)):
        _log.warning(
            "the model was trained for other keypoints: its backbone is kept, its head starts anew",
            model=str(known or f"{found[-1]} keypoints"),
            now=str(points),
        )
        model = with_new_head(model, len(points))
    model.trainable = False  # what has the value already is not passed on to the layers
    model.trainable = True
    rate = config.training.dropout if config.training else None
    if rate is not None:
        dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
        if not dropouts:
            raise ConfigError(
                [
                    Problem(
                        "training.dropout",
                        f"{rate:g}",
                        "nothing with this model",
                        "general.model_path has no Dropout layer",
                    )
                ]
            )
        for layer in dropouts:
            layer.rate = rate
    return model


def _freeze(model: keras.Model, training: Training) -> None:
    """Freeze the selected layers.

    The document's `(0:-1)` is to leave the last layer trainable. The last entries of
    `model.layers` may be an activation or a normalization; then what learns is the last layer
    with a kernel, with what follows it.

    Raises:
        ConfigError: The selection is empty, or leaves nothing.
    """
    if training.frozen_layers is None:
        return
    count = len(model.layers)
    frozen = set(training.frozen_layers.of(count))
    if len(frozen) in (0, count):
        raise ConfigError(
            [
                Problem(
                    "training.frozen_layers",
                    str(training.frozen_layers),
                    f"some of the model's {count} layers, not all of them",
                )
            ]
        )
    last = max((i for i, layer in enumerate(model.layers) if hasattr(layer, "kernel")), default=0)
    if frozen >= set(range(last + 1)):
        frozen -= set(range(last, count))
    for index in frozen:
        model.layers[index].trainable = False
    _log.info(
        "frozen",
        layers=len(frozen),
        of=count,
        trainable=sum(int(np.prod(w.shape)) for w in model.trainable_weights),
    )
