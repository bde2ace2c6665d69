"""Sidecars of models, spelled out once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poseline.data.keypoints import KeypointSet
from poseline.models.metadata import ModelMetadata, keypoint_fields


def write_sidecar(model: Path, points: KeypointSet, side: int, **changes: Any) -> Path:
    """Write the sidecar of a model of heatmaps, and return the model.

    Args:
        model: The model's file.
        points: What it finds.
        side: Of its square RGB input, pixels; the heatmaps have a quarter of it.
        changes: Fields that are otherwise.
    """
    fields: dict[str, Any] = {
        "name": "tiny",
        "model_type": "heatmaps_spe",
        **keypoint_fields(points),
        "input_shape": (side, side, 3),
        "output_shape": (side // 4, side // 4, len(points)),
        "scale": 1 / 127.5,
        "offset": -1,
        "color_mode": "rgb",
        "interpolation": "bilinear",
        "aspect_ratio": "fit",
    }
    ModelMetadata(**fields | changes).write(model)
    return model
