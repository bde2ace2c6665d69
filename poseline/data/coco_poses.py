"""From the annotations of one picture to poses in shares of it.

In plain numbers: arrays of a few keypoints take several times as long, and there are many pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

from poseline.data.keypoint_names import KeypointOrder
from poseline.data.keypoints import labelled
from poseline.data.yolo import Person, Point

Box = tuple[float, float, float, float]
_MARGIN, _LEAST_MARGIN = 0.1, 0.05
_UNLABELLED: Point = (0.0, 0.0, 0.0)


class _UnusableError(Exception):
    """An annotation that is left out; the text is the reason it is counted by."""


def is_crowd(person: dict[str, Any]) -> bool:
    """Return whether an annotation stands for a crowd; tools write 1, true and "1"."""
    return person.get("iscrowd") not in (None, False, 0, "", "0", "false", "False")


def to_poses(
    persons: Sequence[dict[str, Any]],
    size: tuple[float, float],
    order: KeypointOrder,
    dropped: Counter[str],
) -> list[Person]:
    """Turn a picture's annotations into YOLO's shares.

    Crowds, malformed annotations, and boxes without area inside of the picture are dropped,
    and counted in `dropped`. Boxes are cut at the border; keypoints outside of it become
    unlabelled; both are counted, too. So are visibilities that are a confidence, and persons
    without a box, who get one around their labelled keypoints.

    Args:
        persons: Annotations of one picture.
        size: Width and height of the picture in px, as the annotations know it.
        order: Which of their keypoints is which.
        dropped: Counts by reason; changed in place.
    """
    found: list[Person] = []
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
        if cut != box:
            dropped["box_cut"] += 1
        found.append((_centred(cut, size), order.apply(_shares(joints, size, dropped))))
    return found


def _box(value: Any) -> Box | None:
    """Return left, top, right and bottom in px; None where there is no box."""
    if value is None or value == []:
        return None
    try:
        x, y, w, h = map(float, value)
    except (TypeError, ValueError, OverflowError):
        raise _UnusableError("malformed") from None
    if not isfinite(x + y + w + h):
        raise _UnusableError("malformed")
    return x, y, x + w, y + h


def _around(joints: Sequence[Point], size: tuple[float, float], dropped: Counter[str]) -> Box:
    """Return the box around the labelled keypoints, with a margin, and count it.

    The margin is a tenth of the larger side, and at least 5 % of the picture's larger side.
    """
    places = [(x, y) for x, y, v in joints if labelled(v)]
    if not places:
        raise _UnusableError("no_box")
    dropped["box_from_keypoints"] += 1
    xs, ys = zip(*places, strict=True)
    side = max(max(xs) - min(xs), max(ys) - min(ys))
    margin = max(_MARGIN * side, _LEAST_MARGIN * max(size))
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def _joints(value: Any, count: int) -> list[Point]:
    """Return x, y and v of each keypoint; one that is not labelled has no place."""
    try:
        numbers = _numbers(value)
    except (TypeError, ValueError, OverflowError):
        raise _UnusableError("malformed") from None
    if len(numbers) != 3 * count:
        whole = numbers and len(numbers) % 3 == 0
        raise _UnusableError("other_number_of_keypoints" if whole else "malformed")
    points = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    joints = [_UNLABELLED if point[2] <= 0 else point for point in points]
    if not all(isfinite(x + y + v) for x, y, v in joints):
        raise _UnusableError("malformed")
    return joints


def _numbers(value: Any) -> list[float]:
    """Return the numbers of a list, or of lists of three in a list; null is not a number.

    Raises:
        TypeError, ValueError, OverflowError: It holds something else.
    """
    if not isinstance(value, list):
        raise TypeError
    if value and isinstance(value[0], list):
        if any(not isinstance(point, list) or len(point) != 3 for point in value):
            raise ValueError
        value = [number for point in value for number in point]
    try:
        return list(map(float, value))
    except TypeError:
        return [nan if number is None else float(number) for number in value]


def _cut(box: Box, size: tuple[float, float]) -> Box | None:
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[2], size[0]), min(box[3], size[1])
    return None if right <= left or bottom <= top else (left, top, right, bottom)


def _centred(box: Box, size: tuple[float, float]) -> Box:
    """Return centre x, centre y, width and height as shares."""
    (left, top, right, bottom), (width, height) = box, size
    return (
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    )


def _shares(
    joints: Sequence[Point], size: tuple[float, float], dropped: Counter[str]
) -> list[Point]:
    """Return shares, and 1 where a keypoint is labelled; others are all zero."""
    width, height = size
    shares = []
    for x, y, v in joints:
        share = x / width, y / height, 1.0
        inside = 0 <= share[0] <= 1 and 0 <= share[1] <= 1
        if 0 < v < 1:
            dropped["confidence"] += 1
        if labelled(v) and not inside:
            dropped["keypoint_outside"] += 1
        shares.append(share if labelled(v) and inside else _UNLABELLED)
    return shares
