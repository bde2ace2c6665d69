"""From the annotations of one picture to poses in shares of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from poseline.data.keypoint_names import KeypointOrder
from poseline.data.keypoints import labelled
from poseline.data.yolo import Poses

Array = np.ndarray[Any, Any]
Box = tuple[float, float, float, float]
_MARGIN, _LEAST_MARGIN = 0.1, 0.05


class _UnusableError(Exception):
    """An annotation that is left out; the text is the reason it is counted by."""


def is_crowd(person: dict[str, Any]) -> bool:
    """Tell whether an annotation stands for a crowd; tools write 1, true and "1"."""
    return person.get("iscrowd") not in (None, False, 0, "", "0", "false", "False")


def to_poses(
    persons: Sequence[dict[str, Any]],
    size: tuple[float, float],
    order: KeypointOrder,
    dropped: Counter[str],
) -> Poses:
    """Turn a picture's annotations into YOLO's shares.

    Crowds, annotations that are none, and boxes without area inside of the picture are dropped,
    and counted in `dropped`. Boxes are cut at the border; keypoints outside of it become
    unlabelled; both are counted, too. So are visibilities that are a confidence, and persons
    without a box, who get one around their labelled keypoints.

    Args:
        persons: Annotations of one picture.
        size: Width and height of the picture in px, as the annotations know it.
        order: Which of their keypoints is which.
        dropped: Counts by reason; changed in place.
    """
    boxes, points = [], []
    for person in persons:
        if is_crowd(person):
            dropped["crowd"] += 1
            continue
        try:
            joints = _joints(person.get("keypoints"), order.count)
            box = _box(person.get("bbox")) or _around(joints, size, dropped)
        except _UnusableError as error:
            dropped[str(error)] += 1
            continue
        cut = _cut(box, size)
        if cut is None:
            dropped["no_area"] += 1
            continue
        dropped["box_cut"] += cut != box
        v = joints[:, 2]
        dropped["confidence"] += int(((v > 0) & (v < 1)).sum())
        shares = _shares(joints, size)
        dropped["keypoint_outside"] += int((labelled(v) & (shares[:, 2] == 0)).sum())
        left, top, right, bottom = cut
        boxes.append(
            [
                (left + right) / 2 / size[0],
                (top + bottom) / 2 / size[1],
                (right - left) / size[0],
                (bottom - top) / size[1],
            ]
        )
        points.append(order.apply(shares))
    return Poses(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(points, np.float32).reshape(-1, len(order.sources), 3),
    )


def _box(value: Any) -> Box | None:
    """Return left, top, right and bottom in px; None where there is no box."""
    if value is None or value == []:
        return None
    try:
        x, y, w, h = (float(v) for v in value)
    except (TypeError, ValueError, OverflowError):
        raise _UnusableError("malformed") from None
    if not np.isfinite([x, y, w, h]).all():
        raise _UnusableError("malformed")
    return x, y, x + w, y + h


def _around(joints: Array, size: tuple[float, float], dropped: Counter[str]) -> Box:
    """Return the box around the labelled keypoints, with a margin, and count it.

    The margin is a tenth of the larger side, and at least 5 % of the picture's larger side.
    """
    places = joints[labelled(joints[:, 2]), :2]
    if not len(places):
        raise _UnusableError("no_box")
    dropped["box_from_keypoints"] += 1
    low, high = places.min(axis=0), places.max(axis=0)
    margin = max(_MARGIN * float((high - low).max()), _LEAST_MARGIN * max(size))
    left, top, right, bottom = (float(v) for v in (*(low - margin), *(high + margin)))
    return left, top, right, bottom


def _joints(value: Any, count: int) -> Array:
    """Return (count, 3); a point that is not labelled has no place."""
    try:
        joints = np.array(value, np.float64).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError):
        raise _UnusableError("malformed") from None
    if len(joints) != count:
        raise _UnusableError("other_number_of_keypoints" if len(joints) else "malformed")
    joints[joints[:, 2] <= 0] = 0
    if not np.isfinite(joints).all():
        raise _UnusableError("malformed")
    return joints


def _cut(box: Box, size: tuple[float, float]) -> Box | None:
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[2], size[0]), min(box[3], size[1])
    return None if right <= left or bottom <= top else (left, top, right, bottom)


def _shares(joints: Array, size: tuple[float, float]) -> Array:
    """Return (count, 3) shares; an unlabelled keypoint is all zero."""
    shares = joints / (*size, 1)
    inside = ((shares[:, :2] >= 0) & (shares[:, :2] <= 1)).all(axis=1)
    shares[:, 2] = labelled(joints[:, 2]) & inside
    shares[shares[:, 2] == 0] = 0
    return shares
