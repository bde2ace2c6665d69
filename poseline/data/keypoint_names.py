"""Keypoints are matched by their names, whatever order and spelling an annotation file has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poseline.data.keypoints import PERSON_17, keypoint_set
from poseline.errors import DataError

Array = np.ndarray[Any, Any]

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_HEADS = ("head", "headtop", "topofhead", "tophead")


@dataclass(frozen=True)
class KeypointOrder:
    """How the keypoints of an annotation become those of a set.

    Attributes:
        count: Keypoints of an annotation.
        sources: For each keypoint of the set, the indices of those that it is the mean of, where
            they are labelled.
    """

    count: int
    sources: tuple[tuple[int, ...], ...]

    def apply(self, points: Array) -> Array:
        """Return (K, 3) of a set from (count, 3): x, y and whether it is labelled (0 or 1)."""
        if all(len(source) == 1 for source in self.sources):
            return points[[source[0] for source in self.sources]]
        return np.stack([_mean(points[list(source)]) for source in self.sources])


def order_of(names: Sequence[str] | None, keypoints: int, source: str) -> KeypointOrder:
    """Return how to reorder keypoints of these names.

    Args:
        names: Names of an annotation's keypoints; None: COCO's 17 in their order.
        keypoints: 17, or 13 with one point for the head: the mean of the labelled points of the
            face, or the head itself where there is no face.
        source: What has the names, for messages.

    Raises:
        DataError: A name that the set needs is missing, or is there twice.
    """
    given = [canonical(name) for name in (PERSON_17.names if names is None else names)]
    points = keypoint_set(keypoints)
    sources = tuple(_find(name, given) for name in points.names)
    missing = [name for name, found in zip(points.names, sources, strict=True) if not found]
    listed = ", ".join(map(str, PERSON_17.names if names is None else names))
    if missing:
        raise DataError(
            f"{source}: of the {keypoints} keypoints {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing; the category has {listed[:1000]}",
            "name them so in the category's `keypoints`"
            + (", or convert to 13 keypoints" if keypoints == 17 and _fits_13(given) else ""),
        )
    twice = [name for name in set(given) if given.count(name) > 1]
    if any(
        len(s) > 1 and name not in ("head",) for name, s in zip(points.names, sources, strict=True)
    ):
        raise DataError(
            f"{source}: keypoint {', '.join(sorted(twice))} is named twice: {listed}",
            "give each keypoint a name of its own",
        )
    return KeypointOrder(len(given), sources)


def canonical(name: str) -> str:
    """Return a name in one spelling: `Left Eye`, `l_eye` and `eye-left` are all `lefteye`."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    sides = {"l": "left", "r": "right", "left": "left", "right": "right"}
    side = [sides[word] for word in words if word in sides]
    rest = "".join(word for word in words if word not in sides)
    return f"{side[0]}{rest}" if len(side) == 1 else "".join(words)


def _find(name: str, given: Sequence[str]) -> tuple[int, ...]:
    if name == "head":
        face = {canonical(n) for n in _FACE}
        found = tuple(i for i, n in enumerate(given) if n in face)
        return found or tuple(i for i, n in enumerate(given) if n in _HEADS)
    wanted = canonical(name)
    return tuple(i for i, n in enumerate(given) if n == wanted)


def _fits_13(given: Sequence[str]) -> bool:
    return all(_find(name, given) for name in keypoint_set(13).names)


def _mean(points: Array) -> Array:
    seen = points[points[:, 2] > 0]
    return seen.mean(axis=0) if len(seen) else np.zeros(3)
