"""The loop: epochs of steps, validation, callbacks, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from poseline.config.models.preprocessing import AspectRatio, Decoding
from poseline.config.models.training import FinalActivation, Heatmaps, Precision
from poseline.data.labels import unpack
from poseline.data.preprocess import Transform
from poseline.metrics.oks import oks
from poseline.number_format import significant
from poseline.progress import Progress, doing
from poseline.runtime.decode import decode_heatmaps
from poseline.training import checkpoint
from poseline.training.checkpoint import TrainingState
from poseline.training.distillation import Teacher
from poseline.training.fast_model import Forward
from poseline.training.flat_variables import FlatVariables, packable
from poseline.training.gradient_registry import gradients_forgotten
from poseline.training.group import ALONE, Group
from poseline.training.loss import heatmap_loss
from poseline.training.tensorflow_setup import allow_nondeterminism
from poseline.training.weight_average import WeightAverage

Batches = Iterable[tuple[Any, Any]]
Figures = dict[str, float]


class EpochSource(Protocol):
    """A training set whose batches are a pure function of the epoch."""

    def batches(self, epoch: int) -> Batches:
        """Yield (images, labels), in a group its share of each."""

    def __len__(self) -> int:
        """Return the batches of an epoch."""

    @property
    def pictures(self) -> int:
        """The pictures of an epoch."""


@dataclass
class Trainer:
    """Trains a twin of the model that is saved.

    `step(images, labels)` learns from one batch and returns its loss.

    Attributes:
        model: The model that is saved; gets the twin's weights by `export`.
        twin: The model that learns, compiled with the optimizer. Within an epoch its weights are
            packed, where that does not matter to the optimizer; between epochs they are its own.
        heatmaps: Shape of the targets.
        decoding: How validation reads the heatmaps.
        aspect_ratio: How pictures were fitted.
        sigmas: OKS constants.
        callbacks: Keras callbacks of the config.
        state: Where the training stands.
        activation: What the model's output is, and which loss it learns by.
        teacher: A model whose heatmaps are learned beside the labels.
        ema: Momentum of the average of the weights that takes their place; None: there is none.
        group: The workers that train the model; each trains and validates its share.
        precision: What a step computes in.
        jit_compile: Whether XLA compiles the step.
    """

    model: keras.Model
    twin: keras.Model
    heatmaps: Heatmaps
    decoding: Decoding
    aspect_ratio: AspectRatio
    sigmas: tuple[float, ...]
    callbacks: list[keras.callbacks.Callback]
    state: TrainingState = field(default_factory=TrainingState)
    restore_callbacks: bool = False
    activation: FinalActivation = "sigmoid"
    teacher: Teacher | None = None
    ema: float | None = None
    group: Group = ALONE
    precision: Precision = "float32"
    jit_compile: bool = False

    def __post_init__(self) -> None:
        """Pack what changes with every step, and build the optimizer for it."""
        optimizer, trainable = self.twin.optimizer, self.twin.trainable_variables
        self._forward = Forward(self.twin, self.group, self.precision)
        self._weights = FlatVariables(trainable) if packable(optimizer) else None
        self._learned = [self._weights.vector] if self._weights else trainable
        optimizer.build(self._learned)
        self._average = WeightAverage(self._learned, self.ema) if self.ema is not None else None
        normalizations = self._forward.normalizations
        moving = [v for layer in normalizations for v in (layer.moving_mean, layer.moving_variance)]
        self._moving = FlatVariables(moving, trainable=False) if moving else None
        self._rates = np.concatenate(
            [np.full(2 * layer.gamma.shape[0], 1 - layer.momentum) for layer in normalizations]
            or [np.zeros(0)]
        ).astype(np.float32)
        self.step = tf.function(
            self._learn,
            reduce_retracing=True,
            autograph=False,
            jit_compile=self.jit_compile or None,
        )
        self._check = tf.function(self._infer, autograph=False)

    def fit(
        self,
        training: EpochSource,
        validation: Callable[[], Batches],
        epochs: int,
        after_epoch: Callable[[int, Figures], None],
    ) -> None:
        """Train up to `epochs`, from where the state stands.

        Args:
            training: The training set.
            validation: Gives the batches of the validation set, labels in input coordinates.
            epochs: Epochs in all, those done before included.
            after_epoch: Called with the epoch from 0 and its figures, after the callbacks.
        """
        self.twin.stop_training = self.state.stopped
        listeners = keras.callbacks.CallbackList(
            self.callbacks,
            model=self.twin,
            add_history=False,
            epochs=epochs,
            steps=len(training),
            verbose=1,
        )
        listeners.on_train_begin()
        self._restore()
        start, pictures = self.state.epoch, training.pictures
        with (
            gradients_forgotten(),
            Progress(epochs * pictures, "train", done=start * pictures) as progress,
        ):
            for epoch in range(start, epochs):
                if self.twin.stop_training:
                    break
                listeners.on_epoch_begin(epoch)
                figures = self._train(training, epoch, epochs, listeners, progress)
                listeners.on_test_begin()
                with doing(f"validating epoch {epoch + 1}"):
                    figures |= self.validate(validation())
                listeners.on_test_end(figures)
                figures["learning_rate"] = float(self.twin.optimizer.learning_rate)
                listeners.on_epoch_end(epoch, figures)
                self.state.epoch = epoch + 1
                self.state.history.append(figures)
                self.state.callbacks = {
                    type(c).__name__: checkpoint.callback_state(c) for c in self.callbacks
                }
                self.state.stopped = bool(self.twin.stop_training)
                after_epoch(epoch, figures)
        listeners.on_train_end()

    def validate(self, batches: Batches) -> Figures:
        """Return `val_loss` and `val_oks`, the figures that callbacks monitor."""
        sums = np.zeros(4)  # of losses, pictures, OKS, poses that have one
        for images, labels in batches:
            heatmaps, loss = self._checked(images, labels)
            known = unpack(np.asarray(labels))
            decoded = decode_heatmaps(
                np.asarray(heatmaps), self.decoding, logits=self.activation == "softmax"
            )
            transform = Transform.of(known.sizes, images.shape[1:3], self.aspect_ratio)
            truth = known.keypoints.copy()
            truth[..., :2] = transform.to_picture(truth[..., :2])
            predicted = transform.to_picture(decoded[..., :2])
            scores = oks(predicted, truth, known.areas, self.sigmas)
            scores = scores[~np.isnan(scores)]
            sums += float(loss) * len(labels), len(labels), scores.sum(), len(scores)
        loss, pictures, score, poses = self.group.total(sums).tolist()
        return {"val_loss": loss / pictures, "val_oks": score / poses if poses else math.nan}

    def _checked(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """Return heatmaps and loss of a batch of any number of pictures, by one graph."""
        kinds = [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in (images, labels)]
        return self._check.get_concrete_function(*kinds)(images, labels)  # type: ignore[no-any-return]

    def export(self) -> keras.Model:
        """Return the model to save, with the twin's weights."""
        self.model.set_weights(self.twin.get_weights())
        return self.model

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint keeps beside the weights: optimizer, random generators, average."""
        weights = {id(weight) for weight in self.twin.weights}
        others = [v for v in self.twin.variables if id(v) not in weights]
        averages = self._average.values if self._average else []
        return [*self.twin.optimizer.variables, *others, *averages]

    def _restore(self) -> None:
        if not self.restore_callbacks:
            return
        for callback in self.callbacks:
            vars(callback).update(self.state.callbacks.get(type(callback).__name__, {}))

    def _train(
        self,
        training: EpochSource,
        epoch: int,
        epochs: int,
        listeners: Any,
        progress: Progress,
    ) -> Figures:
        packed = [p for p in (self._weights, self._moving) if p]
        for part in packed:
            part.load()
        if self._average:
            self._average.swap()
        total, count = tf.zeros([]), 0
        progress.what = f"epoch {epoch + 1}/{epochs}"
        last = self.state.history[-1] if self.state.history else {}
        known = {name: last[name] for name in ("val_oks",) if name in last}
        pictures = training.pictures // len(training)
        for index, (images, labels) in enumerate(training.batches(epoch)):
            listeners.on_train_batch_begin(index)
            loss = self._first(images, labels) if count == 0 else self.step(images, labels)
            total += loss
            count += 1
            listeners.on_train_batch_end(index, {"loss": loss})
            progress.advance(pictures, partial(_shown, total, count, known))
        if self._average:
            self._average.swap()
        for part in packed:
            part.store()
        return {"loss": float(total) / max(count, 1)}

    def _first(self, images: Any, labels: Any) -> Any:
        with doing("compiling the training step"):
            try:
                return self.step(images, labels)
            except tf.errors.UnimplementedError as error:
                allow_nondeterminism(error)
                return self.step(images, labels)

    def _learn(self, images: Any, labels: Any) -> Any:
        loss, gradients, statistics, others = self.group.run(self._gradients, images, labels)
        self.twin.optimizer.apply_gradients(zip(gradients, self._learned, strict=True))
        if self._average:
            self._average.update(self.twin.optimizer.iterations)
        if self._moving:
            moving = self._moving.vector
            found = FlatVariables.join(statistics)
            if self.precision == "mixed_float16":  # a step that overflows is left out
                found = tf.where(tf.math.is_finite(found), found, moving)
            moving.assign(moving + (found - moving) * self._rates)
        for index, value in others.items():
            self.twin.variables[index].assign(value)
        return loss

    def _of_all(self, count: Any) -> Any:
        """Return the sum of a scalar over the workers."""
        return self.group.sum([count])[0]

    def _gradients(
        self, images: Any, labels: Any
    ) -> tuple[Any, list[Any], list[Any], dict[int, Any]]:
        """Return a batch's loss and gradients, its statistics, and what else of the twin changes.

        The latter are statistics of other layers and random generators, by their place among the
        variables.
        """
        trainable = self.twin.trainable_variables
        with tf.GradientTape() as tape:
            values = self._weights.split() if self._weights else [v.value for v in trainable]
            with keras.StatelessScope(zip(trainable, values, strict=True)) as scope:
                heatmaps, statistics = self._forward.train(images)
                others = self.twin.losses
            lesson = self.teacher.lesson(images) if self.teacher else None
            loss = heatmap_loss(
                heatmaps, labels, self.heatmaps, self.activation, lesson, self._of_all
            )
            others = [tf.cast(other, loss.dtype) / self.group.size for other in others]
            total = self.twin.optimizer.scale_loss(tf.add_n([loss, *others]))
        gradients = tape.gradient(total, self._learned, unconnected_gradients="zero")
        loss, *gradients = self.group.sum([loss, *gradients])
        learned = set(map(id, trainable))
        changed = {
            index: value
            for index, variable in enumerate(self.twin.variables)
            if id(variable) not in learned
            and (value := scope.get_current_value(variable)) is not None
        }
        return loss, gradients, statistics, changed

    def _infer(self, images: Any, labels: Any) -> tuple[Any, Any]:
        heatmaps = self._forward.infer(images)
        return heatmaps, heatmap_loss(heatmaps, labels, self.heatmaps, self.activation)


def _shown(total: Any, count: int, known: Figures) -> Figures:
    """Return the mean loss of an epoch so far, and what the epoch before came to."""
    return {"loss": float(total) / count, **known}


def log_line(epoch: int, epochs: int, figures: Mapping[str, float]) -> dict[str, Any]:
    """Return an epoch's figures as a log line shows them."""
    return {"epoch": f"{epoch + 1}/{epochs}"} | {k: significant(v) for k, v in figures.items()}
