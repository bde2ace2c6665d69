"""What a conversion reads: the splits of a set, whatever tool laid it out."""

from __future__ import annotations

from pathlib import Path

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.coco import Annotations, read_annotations
from poseline.data.coco_layout import Part, find_parts
from poseline.data.keypoints import KeypointSet
from poseline.data.set_folder import SetFolder
from poseline.data.yolo_pose import YoloPoseSet
from poseline.errors import DataError

Wanted = int | KeypointDefinition | None


def read_source(
    source: SetFolder, keypoints: Wanted, category: str | None
) -> list[tuple[Part, Annotations]]:
    """Read the annotations of every split.

    Args:
        source: A YOLO-pose set with its data.yaml, or a set with COCO annotations.
        keypoints: Keypoints of the set to be made; None: those of the set.
        category: Name or number of the category to read.

    Raises:
        DataError: It is not such a set, or its splits define different keypoints.
    """
    if found := YoloPoseSet.at(source):
        return list(found.splits(keypoints, category))
    splits: list[tuple[Part, Annotations]] = [
        (part, read_annotations(part.annotations, keypoints, category))
        for part in find_parts(source)
    ]
    first, points = splits[0][0], splits[0][1].points
    for part, other in splits[1:]:
        if not other.points.fits(points):
            raise DataError(
                f"the splits define different keypoints:\n  {first.annotations}: {points}\n"
                f"  {part.annotations}: {other.points}",
                "say which to convert: dataset.keypoints (of a config), --keypoints (of a command)",
            )
    return splits


def points_of_source(folder: Path, category: str | None) -> KeypointSet:
    """Return the keypoints that a set defines, from the smallest of its files that say it.

    Raises:
        DataError: As `read_source`.
    """
    source = SetFolder(folder)
    if found := YoloPoseSet.at(source):
        return next(iter(found.splits(None, category)))[1].points
    parts = find_parts(source)
    smallest = min(parts, key=lambda part: part.annotations.stat().st_size)
    return read_annotations(smallest.annotations, None, category).points
