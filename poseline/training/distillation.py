"""Heatmaps of a larger model, which a smaller one learns beside the labels.

The teacher sees the very pictures that the student sees, in the step. Maps that were computed once
for the pictures of the set would have to be moved along with every rotation, flip, zoom and change
of size: resampled at the coarseness of their cells, with left and right exchanged, and with nothing
known of what comes in from outside or is painted over. The step is longer by the teacher's
inference; there is nothing to keep on the disk, and each change of a picture is a new lesson.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from poseline.config.models.config import Config
from poseline.config.models.training import FinalActivation
from poseline.data.keypoints import KeypointSet
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.models.loading import load_keras
from poseline.models.teacher import KEY, check_teacher
from poseline.training.fast_model import Forward, make_twin

_log = get_logger(__name__)


class Lesson(NamedTuple):
    """What a teacher says of a batch.

    Attributes:
        heatmaps: (B, h, w, K): in [0, 1]; with softmax the sum over the cells is 1.
        weight: Its share of the loss.
    """

    heatmaps: Any
    weight: float


class Teacher:
    """A model that does not learn, computed at whatever size the student is trained at."""

    def __init__(self, model: keras.Model, weight: float, activation: FinalActivation) -> None:
        """Take a model of heatmaps, and the share of the loss that its heatmaps get."""
        twin = make_twin(model, 1)
        twin.trainable = False
        self._forward, self._weight, self._activation = Forward(twin), weight, activation

    def lesson(self, images: Any) -> Lesson:
        """Return what is to be learned of a batch of pictures (B, H, W, C)."""
        heatmaps = self._forward.infer(images)
        if self._activation == "softmax":
            heatmaps = tf.exp(heatmaps - tf.reduce_logsumexp(heatmaps, (1, 2), keepdims=True))
        return Lesson(tf.stop_gradient(heatmaps), self._weight)


def load_teacher(
    path: Path,
    config: Config,
    weight: float,
    student: keras.Model,
    activation: FinalActivation,
    points: KeypointSet,
) -> Teacher:
    """Load a teacher, and make sure that it puts out what its student is to.

    Args:
        path: Its file.
        config: `preprocessing` counts.
        weight: Its share of the loss.
        student: The model that learns.
        activation: The student's final activation.
        points: The student's keypoints.

    Raises:
        ModelError: It cannot be loaded, or puts out other heatmaps.
    """
    shape = tuple(student.input_shape[1:])
    known = check_teacher(path, points, shape, activation, config.preprocessing)
    model = load_keras(path)
    for what, theirs, ours in (
        ("takes", model.input_shape, student.input_shape),
        ("puts out", model.output_shape, student.output_shape),
    ):
        if theirs[1:] != ours[1:]:
            raise ModelError(
                f"{KEY}: {path} {what} {theirs[1:]}, and the model that learns {ours[1:]}",
                "a teacher has the same input and puts out heatmaps of the same size",
            )
    if known is None:
        _log.warning(
            "the teacher has no metadata: it is taken to have this model's keypoints, final "
            "activation and preprocessing",
            teacher=str(path),
        )
    _log.info("teacher", parameters=model.count_params(), weight=weight)
    return Teacher(model, weight, activation)
