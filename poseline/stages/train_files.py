"""What a training leaves in its folder, and that it replaces nothing else there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from poseline.config.models.config import Config, config_hash
from poseline.config.models.preprocessing import Decoding
from poseline.config.models.training import FinalActivation, Training
from poseline.data.keypoints import KeypointSet
from poseline.errors import ConfigError, Problem, StoreError
from poseline.log import get_logger
from poseline.models.loading import load_keras
from poseline.models.metadata import ModelMetadata, keypoint_fields, sidecar_path
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import content_hash
from poseline.training import checkpoint, folder, history
from poseline.training.folder import HISTORY, LAST, TRANSFER, best_name
from poseline.training.initialization import Initialization
from poseline.training.preemption import Preemption
from poseline.training.remote_checkpoint import RemoteCheckpoint
from poseline.training.trainer import Trainer, log_line

CURVES = "learning_curves.png"
_log = get_logger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]


def claim(config: Config, inputs: Inputs, out: Path) -> None:
    """Make sure that no model is replaced but this training's own."""
    hashes = {name: content_hash(path) for name, path in inputs.items() if name != "resume"}
    resume = checkpoint.resumable(inputs["resume"]) if "resume" in inputs else None
    folder.claim(out, config.slice("train"), hashes, resume)
    copy = exported(config, out)
    if copy and copy.exists() and not sidecar_path(copy).is_file():
        raise StoreError(
            f"{copy} is there already, and poseline did not write it",
            "choose another training.trained_model_path, or move it away",
        )


def exported(config: Config, out: Path) -> Path | None:
    """Return where the best model is copied to, if it is."""
    training = config.training
    path = training.trained_model_path if training else None
    if not training or not path or Path(path).resolve() == out.resolve():
        return None
    return Path(path) / best_name(training.model_format)


def decoding_of(training: Training, activation: FinalActivation = "sigmoid") -> Decoding:
    """Return how heatmaps that were trained so are read best."""
    gaussian = training.heatmaps.target == "gaussian"
    return "dark" if gaussian or activation == "softmax" else "argmax"


def metadata_of(
    config: Config, start: Initialization, points: KeypointSet, data: Path
) -> ModelMetadata:
    """Return the sidecar of a training's models.

    Args:
        config: The train slice or the whole config.
        start: What the training began with.
        points: What it learns.
        data: Its training set.
    """
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


class Writer:
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
        """Keep an epoch.

        Args:
            epoch: From 0.
            figures: What it came to.

        Raises:
            ConfigError: ModelCheckpoint monitors none of the figures.
            TrainingInterruptedError: SIGTERM came; the epoch is kept.
        """
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
        saved = None
        if better or not self._best.is_file():
            state.best, state.best_epoch = value if better else None, epoch
            self._metadata.write(self._best)
            checkpoint.save_model(model, self._best)
            saved = self._best
        self._metadata.write(self._out / LAST)
        checkpoint.save(model, self._trainer.variables, state, self._out / LAST, saved)
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
        """Write the curves, the copy of the best model and the manifest."""
        state = self._trainer.state
        if copy := exported(self._config, self._out):
            self._metadata.write(copy)
            checkpoint.save_model(load_keras(self._best), copy)
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
