"""What the keypoints of a set are, as the set says it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poseline.data.definitions import agreed, unnamed
from poseline.data.keypoints import KeypointSet
from poseline.data.regular_file import shown
from poseline.data.set_file import find_set_file, read_set_file
from poseline.data.shard_index import INDEX, Index
from poseline.data.yolo import Sample, read_label_text
from poseline.errors import DataError


def points_of(folder: Path, samples: Sequence[Sample]) -> KeypointSet:
    """Return the keypoints of a set in YOLO Darknet format.

    They are what its index says where it is packed, or its data.yaml, in the folder or in the one
    above it. Otherwise their number alone is known, from the first label with a person.

    Raises:
        DataError: The set does not say, and has no person; or its data.yaml is damaged.
        StoreError: Its index is damaged.
    """
    if (folder / INDEX).is_file():
        index = Index.read(folder / INDEX)
        return index.points or unnamed(index.keypoints)
    for place in (folder, folder.parent):
        found = read_set_file(path) if (path := find_set_file(place)) else None
        if found:
            return found.points
    return unnamed(_counted(samples))


def points_shown(folder: Path, samples: Sequence[Sample], asked: int | None) -> KeypointSet:
    """Return the keypoints to show of a set.

    Args:
        folder: The set.
        samples: Its pictures.
        asked: The number of a known set that it is said to have; None: what it says itself.

    Raises:
        DataError: It has others.
    """
    return agreed(asked, set_=points_of(folder, samples))


def _counted(samples: Sequence[Sample]) -> int:
    for sample in samples:
        if numbers := len(read_label_text(sample.label).split("\n", 1)[0].split()):
            count, rest = divmod(numbers - 5, 3)
            if rest or count < 1:
                raise DataError(
                    f"{shown(sample.label)}, line 1: {numbers} numbers are no person and keypoints",
                    "a line is `0 cx cy w h` and then `x y v` for each keypoint",
                )
            return count
    raise DataError("no picture of the set has a person", "convert the set again")
