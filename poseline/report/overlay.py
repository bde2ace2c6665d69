"""The same pictures with the poses of two models, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from poseline.data.definitions import unnamed
from poseline.data.drawing import contact_sheet, draw_pose
from poseline.data.image_reading import read_picture
from poseline.data.keypoints import KeypointSet
from poseline.data.set_file import read_set_file

_PICTURES, _SIDE = 4, 400


@dataclass(frozen=True)
class Shown:
    """What an evaluation left of a model's poses.

    Attributes:
        predictions: Its predictions.json.
        points: Its keypoints.yaml; None: an evaluation that left none, of a known set.
        threshold: Confidence below which a keypoint does not count.
    """

    predictions: Path
    points: Path | None
    threshold: float

    def keypoints(self, count: int) -> KeypointSet:
        """Return the keypoints of its poses, which are so many."""
        found = read_set_file(self.points) if self.points else None
        return found.points if found else unnamed(count)


def draw(test: Path, models: Mapping[str, Shown], out: Path) -> bool:
    """Draw a row of pictures a model, the same in each.

    Args:
        test: Folder of the test set; what it does not hold as files is left out.
        models: Name of a model to what its evaluation left; a row each, in this order.
        out: The .jpg to write.

    Returns:
        Whether there was anything to draw.
    """
    found = [
        (json.loads(model.predictions.read_text(encoding="utf-8")), model)
        for model in models.values()
    ]
    seen = dict.fromkeys(entry["file_name"] for entries, _ in found for entry in entries)
    names = [name for name in seen if (test / name).is_file()]
    chosen = names[:: max(len(names) // _PICTURES, 1)][:_PICTURES]
    if not chosen:
        return False
    rows = []
    for entries, model in found:
        points = model.keypoints(len(entries[0]["keypoints"]) // 3 if entries else 1)
        pictures = [
            _drawn(
                test / name,
                [e for e in entries if e["file_name"] == name],
                points,
                model.threshold,
            )
            for name in chosen
        ]
        rows.append(contact_sheet(pictures, columns=_PICTURES, side=_SIDE))
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return True


def _drawn(path: Path, entries: list[dict[str, Any]], points: KeypointSet, threshold: float) -> Any:
    picture = np.ascontiguousarray(read_picture(path, "rgb"))
    for entry in entries:
        pose = np.asarray(entry["keypoints"], np.float64).reshape(-1, 3)
        draw_pose(picture, pose, points, threshold)
    return picture
