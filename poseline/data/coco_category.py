"""The category of a COCO file: which is meant, and the keypoints that it defines."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from poseline.config.models.keypoints import MOST_KEYPOINTS, KeypointDefinition
from poseline.data.definitions import with_defaults
from poseline.data.keypoints import PERSON_17, WHOLE_BODY_133, KeypointSet, canonical
from poseline.errors import DataError

WHOLE_BODY_PARTS = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
"""Lists of keypoints that COCO-WholeBody has beside the body's, in order, and their lengths."""


def chosen_category(
    path: Path, categories: list[Any], used: Collection[str | None], wanted: str | None
) -> dict[str, Any] | None:
    """Choose the category of the persons; None where the file names none.

    Args:
        path: The file.
        categories: What it lists.
        used: Ids of the categories with keypoints.
        wanted: Name or id of the one that is asked for; None: the one with keypoints.

    Raises:
        DataError: It is not there, or several have keypoints.
    """
    every = [category for category in categories if isinstance(category, dict)]
    listed = ", ".join(f"{_title(c)} ({c.get('id')})" for c in every[:20])
    if wanted is not None:
        for category in every:
            if wanted.lower() in (_title(category).lower(), id_of(category.get("id"))):
                return category
        raise DataError(
            f"{path} has no category {wanted!r}; it has {listed or 'none'}",
            "name one of these with --category (of a command) or conversion.category (of a config)",
        )
    with_points = [c for c in every if names_of(c)] or every
    candidates = [c for c in with_points if id_of(c.get("id")) in used] or with_points
    if len(candidates) > 1:
        persons = [c for c in candidates if _title(c).lower() in ("person", "human", "people")]
        candidates = persons if len(persons) == 1 else candidates
    if len(candidates) > 1:
        raise DataError(
            f"{path} has several categories with keypoints: {listed}",
            "choose one with --category (of a command) or conversion.category (of a config)",
        )
    return candidates[0] if candidates else None


def names_of(category: dict[str, Any] | None) -> list[str] | None:
    """Return the names of a category's keypoints; None where it has none."""
    names = category.get("keypoints") if category else None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        return None
    return names


def points_of_category(
    category: dict[str, Any] | None, names: list[str] | None, path: Path
) -> KeypointSet | None:
    """Return the keypoints that a category defines; None where it has no names.

    Raises:
        DataError: They are too many.
    """
    if names is None:
        return None
    if len(names) > MOST_KEYPOINTS:
        raise DataError(
            f"{path}: the category has {len(names)} keypoints; at most {MOST_KEYPOINTS} fit",
            "leave some out of the category's `keypoints` and of each annotation",
        )
    return with_defaults(names, _bones(category, names))


def asks_whole_body(keypoints: int | KeypointDefinition | None) -> bool:
    """Return whether a set that is to be made has keypoints of feet, face or hands."""
    if isinstance(keypoints, KeypointDefinition):
        own = set(map(canonical, WHOLE_BODY_133.names)) - set(map(canonical, PERSON_17.names))
        return any(canonical(name) in own for name in keypoints.names)
    return keypoints == len(WHOLE_BODY_133)


def with_whole_body(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return an annotation with COCO-WholeBody's others behind the body's keypoints."""
    if not isinstance(annotation.get("keypoints"), list):
        return annotation
    every = list(annotation["keypoints"])
    for key, count in WHOLE_BODY_PARTS.items():
        part = annotation.get(key)
        every += part if isinstance(part, list) else [0] * (3 * count)
    return annotation | {"keypoints": every}


def id_of(value: Any) -> str | None:
    """Return an id as text, since tools write 7, 7.0 and "7" for the same one; None: no id."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return str(value)
    except ValueError:  # thousands of digits
        return None


def _bones(category: dict[str, Any] | None, names: list[str]) -> list[tuple[int, int]]:
    """Return a category's bones, counted from 0; COCO counts from 1, some tools from 0."""
    written = category.get("skeleton") if category else None
    if not isinstance(written, list):
        return []
    bones = [
        tuple(bone)
        for bone in written
        if isinstance(bone, list) and len(bone) == 2 and all(type(end) is int for end in bone)
    ]
    first = 0 if any(0 in bone for bone in bones) else 1
    inside = range(first, len(names) + first)
    return [(a - first, b - first) for a, b in bones if a in inside and b in inside and a != b]


def _title(category: dict[str, Any]) -> str:
    return str(category.get("name", ""))[:60]
