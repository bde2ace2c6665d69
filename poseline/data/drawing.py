"""Poses drawn on pictures, and sheets of such pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from poseline.data.keypoints import KeypointSet

Array = np.ndarray[Any, Any]

_LEFT, _RIGHT, _MIDDLE = (255, 140, 0), (0, 200, 120), (235, 235, 235)
_SURE, _UNSURE = (40, 90, 255), (230, 30, 30)
_SHIFT = 4


def draw_pose(
    picture: Array, keypoints: Array, points: KeypointSet, threshold: float = 0.15
) -> None:
    """Draw a pose on a picture.

    Keypoints of at least the threshold are blue and joined by bones, others red and alone; left
    limbs are orange, right ones green. Where the set has colours, keypoints of at least the
    threshold have them, and a bone that of its second end.

    Args:
        picture: (h, w, 3) uint8 RGB, changed in place.
        keypoints: (K, 3): x and y in px, confidence. A NaN is not drawn.
        points: The convention.
        threshold: `postprocessing.kpts_conf_thresh`.
    """
    radius = max(min(picture.shape[:2]) / 110, 1.5)
    known = np.isfinite(keypoints).all(axis=1)
    sure = known & (keypoints[:, 2] >= threshold)
    own = [_rgb(colour) for colour in points.colours]
    places = np.rint(np.nan_to_num(keypoints[:, :2] - 0.5) * 2**_SHIFT).astype(int)
    for a, b in points.skeleton:
        if sure[a] and sure[b]:
            sides = {points.sides[i] for i in (a, b)}
            colour = _LEFT if sides == {"left"} else _RIGHT if sides == {"right"} else _MIDDLE
            colour = own[b] if own else colour
            ends = tuple(map(int, places[a])), tuple(map(int, places[b]))
            cv2.line(picture, *ends, (20, 20, 20), round(radius * 1.6) + 1, cv2.LINE_AA, _SHIFT)
            cv2.line(picture, *ends, colour, max(round(radius), 1), cv2.LINE_AA, _SHIFT)
    for index in np.flatnonzero(known):
        at, size = tuple(map(int, places[index])), int(radius * 2**_SHIFT)
        cv2.circle(picture, at, int(size * 1.35), (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
        certain = own[index] if own else _SURE
        colour = certain if sure[index] else _UNSURE
        cv2.circle(picture, at, size, colour, -1, cv2.LINE_AA, _SHIFT)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def contact_sheet(pictures: Sequence[Array], columns: int = 4, side: int = 320) -> Array:
    """Return pictures on one sheet, each fitted into a square of `side` px."""
    tiles = [_tile(picture, side) for picture in pictures]
    columns = min(columns, max(len(tiles), 1))
    tiles += [np.full((side, side, 3), 24, np.uint8)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _tile(picture: Array, side: int) -> Array:
    tile = np.full((side, side, 3), 24, np.uint8)
    ratio = (side - 8) / max(picture.shape[:2])
    size = max(round(picture.shape[1] * ratio), 1), max(round(picture.shape[0] * ratio), 1)
    method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, size, interpolation=method)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile
