"""Keypoints are matched by their names, whatever order and spelling an annotation file has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.definitions import defined, of_names
from poseline.data.keypoints import PERSON_13, PERSON_17, KeypointSet, canonical
from poseline.data.yolo import Point
from poseline.errors import DataError

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

    def apply(self, points: Sequence[Point]) -> list[Point]:
        """Return the keypoints of a set from `count`: x, y and whether each is labelled, 0 or 1."""
        return [
            points[source[0]] if len(source) == 1 else _mean([points[at] for at in source])
            for source in self.sources
        ]


def matched(
    own: KeypointSet | None, wanted: int | KeypointDefinition | None, source: str
) -> tuple[KeypointSet, KeypointOrder]:
    """Return the keypoints of a set that is to be made, and where an annotation has them.

    Args:
        own: Keypoints of the annotations; None: they do not say, and have COCO's order.
        wanted: `dataset.keypoints`; None: the annotations' own. Those that are a known set's in
            another order are brought into its order.
        source: What has the annotations, for messages.

    Raises:
        DataError: A keypoint that the set needs is missing, or is there twice.
    """
    if wanted is not None:
        points = defined(wanted)
    elif own is None:
        points = PERSON_17
    else:
        points = (of_names(own.names) if own.named else None) or own
    if own and own.named:
        return points, order_of(own.names, points, source)
    if own and len(own) != len(points) and (len(own), points) != (len(PERSON_17), PERSON_13):
        raise DataError(
            f"{source}: {len(own)} keypoints without names, and dataset.keypoints has {points}",
            "define as many keypoints, or leave dataset.keypoints (--keypoints) out",
        )
    return points, order_of(None, points, source)


def order_of(names: Sequence[str] | None, points: KeypointSet, source: str) -> KeypointOrder:
    """Return how to reorder keypoints of these names.

    Args:
        names: Names of an annotation's keypoints; None: the set's own; for 13 COCO's 17, in their
            order.
        points: The set to be made. Its 13 have one point for the head: the mean of the labelled
            points of the face, or the head itself where there is no face.
        source: What has the names, for messages.

    Raises:
        DataError: A name that the set needs is missing, or is there twice.
    """
    if names is None:
        names = PERSON_17.names if points is PERSON_13 else points.names
    given = [canonical(name) for name in names]
    sources = tuple(_find(name, given, points) for name in points.names)
    missing = [name for name, found in zip(points.names, sources, strict=True) if not found]
    listed = ", ".join(map(str, names))
    if missing:
        raise DataError(
            f"{source}: of the {len(points)} keypoints {', '.join(missing)[:1000]} "
            f"{'are' if len(missing) > 1 else 'is'} missing; the category has {listed[:1000]}",
            "name them so in the category's `keypoints`"
            + (", or convert to 13 keypoints" if _fits_13(points, given) else "")
            + f", or leave dataset.keypoints (--keypoints) out to take its own {len(names)}",
        )
    twice = [name for name in set(given) if given.count(name) > 1]
    if any(
        len(s) > 1 and not (points is PERSON_13 and name == "head")
        for name, s in zip(points.names, sources, strict=True)
    ):
        raise DataError(
            f"{source}: keypoint {', '.join(sorted(twice))} is named twice: {listed[:1000]}",
            "give each keypoint a name of its own",
        )
    return KeypointOrder(len(given), sources)


def _find(name: str, given: Sequence[str], points: KeypointSet) -> tuple[int, ...]:
    if points is PERSON_13 and name == "head":
        face = {canonical(n) for n in _FACE}
        found = tuple(i for i, n in enumerate(given) if n in face)
        return found or tuple(i for i, n in enumerate(given) if n in _HEADS)
    wanted = canonical(name)
    return tuple(i for i, n in enumerate(given) if n == wanted)


def _fits_13(points: KeypointSet, given: Sequence[str]) -> bool:
    every = all(_find(name, given, PERSON_13) for name in PERSON_13.names)
    return points is PERSON_17 and every


def _mean(points: Sequence[Point]) -> Point:
    seen = [point for point in points if point[2]]
    if not seen:
        return 0.0, 0.0, 0.0
    xs, ys, _ = zip(*seen, strict=True)
    return sum(xs) / len(seen), sum(ys) / len(seen), 1.0
