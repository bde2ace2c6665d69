"""Whether one model can teach another: what its metadata says of it, without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poseline.config.models.preprocessing import Preprocessing
from poseline.config.models.training import FinalActivation
from poseline.data.keypoints import KeypointSet
from poseline.errors import ModelError
from poseline.models.metadata import ModelMetadata, read_metadata

KEY = "training.distillation.model"


def check_teacher(
    path: Path,
    points: KeypointSet,
    input_shape: tuple[int, int, int] | None,
    activation: FinalActivation,
    preprocessing: Preprocessing,
) -> ModelMetadata | None:
    """Compare what a teacher's sidecar says with its student.

    Args:
        path: The teacher's file.
        points: The student's keypoints.
        input_shape: Height, width and channels of the student's input; None: not known.
        activation: The student's final activation.
        preprocessing: How pictures become the student's input, which the teacher gets, too.

    Returns:
        What the sidecar says; None where there is none.

    Raises:
        ModelError: The teacher's heatmaps are not those that the student learns to put out.
    """
    known = read_metadata(path)
    if known is None:
        return None
    wanted: list[tuple[str, Any, Any]] = [
        ("model_type", known.model_type, "heatmaps_spe"),
        ("final_activation", known.final_activation, activation),
        ("scale", round(known.scale, 9), round(preprocessing.rescaling.scale, 9)),
        ("offset", known.offset, preprocessing.rescaling.offset),
        ("color_mode", known.color_mode, preprocessing.color_mode),
    ]
    if input_shape is not None:
        wanted.append(("input_shape", known.input_shape, tuple(input_shape)))
    if not known.points.fits(points):
        wanted.append(("keypoints", str(known.points), str(points)))
    differ = [f"{key} {theirs}, not {ours}" for key, theirs, ours in wanted if theirs != ours]
    if differ:
        raise ModelError(
            f"{KEY}: {path} cannot teach this model: it has {'; '.join(differ)}",
            "a teacher puts out the heatmaps of the same keypoints for the same input; train one "
            "with this config and a larger training.model.alpha",
        )
    return known
