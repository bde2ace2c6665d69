"""The same pictures with the poses of two models, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from poseline.data.drawing import contact_sheet, draw_pose
from poseline.data.image_reading import read_picture
from poseline.data.keypoints import keypoint_set

_PICTURES, _SIDE = 4, 400


def draw(test: Path, predictions: Mapping[str, Path], out: Path) -> bool:
    """Draw a row of pictures a model, the same in each.

    Args:
        test: Folder of the test set; what it does not hold as files is left out.
        predictions: Name of a model to its predictions.json; a row each, in this order.
        out: The .jpg to write.

    Returns:
        Whether there was anything to draw.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in predictions.values()]
    seen = dict.fromkeys(entry["file_name"] for entries in found for entry in entries)
    names = [name for name in seen if (test / name).is_file()]
    chosen = names[:: max(len(names) // _PICTURES, 1)][:_PICTURES]
    if not chosen:
        return False
    rows = []
    for entries in found:
        pictures = [
            _drawn(test / name, [e for e in entries if e["file_name"] == name]) for name in chosen
        ]
        rows.append(contact_sheet(pictures, columns=_PICTURES, side=_SIDE))
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return True


def _drawn(path: Path, entries: list[dict[str, Any]]) -> Any:
    picture = np.ascontiguousarray(read_picture(path, "rgb"))
    for entry in entries:
        pose = np.asarray(entry["keypoints"], np.float64).reshape(-1, 3)
        draw_pose(picture, pose, keypoint_set(len(pose)))
    return picture
