"""Sets in YOLO Darknet format: a picture and a text file of the same stem, a line a person.

A line is `0 cx cy w h` and then `x y v` for each keypoint, all as shares of the picture's width and
height; v is 1 where the keypoint is labelled (see `keypoints.LABELLED_FROM`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseline.data.keypoints import LABELLED_FROM, labelled
from poseline.data.regular_file import LARGEST_LABEL, read_regular, shown
from poseline.errors import DataError
from poseline.log import get_logger

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Point = tuple[float, float, float]
"""x, y and whether it is labelled, 0 or 1."""
Person = tuple[Sequence[float], Sequence[Sequence[float]]]
"""Box and points of a person in shares: centre x, centre y, width, height; a Point each."""

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of the pictures of a set, in lower case."""
_TOLERANCE = 1e-3  # of a share that was rounded
_REMEDY = "write it again, or remove it and its picture"
_SHARES = (
    "coordinates are shares of the picture's width and height, not pixels; divide by these, or "
    "convert the set again"
)
_log = get_logger(__name__)


@dataclass(frozen=True, order=True)
class Crop:
    """Which part of a picture a sample is.

    Attributes:
        person: The person of the label whom the picture is cut around.
        margin: What is added on each side, as a share of the box's width and height.
    """

    person: int
    margin: float


@dataclass(frozen=True, order=True)
class Sample:
    """A picture and its labels, or the part of them around one person."""

    image: Path
    label: Path
    crop: Crop | None = None


@dataclass(frozen=True)
class Poses:
    """The persons of one picture.

    Attributes:
        boxes: (n, 4) float32: centre x, centre y, width and height in [0, 1].
        keypoints: (n, K, 3) float32: x and y in [0, 1], v 1 where labelled, else 0.
    """

    boxes: Array
    keypoints: Array

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Person]:
        """Yield each person in plain numbers."""
        return zip(self.boxes.tolist(), self.keypoints.tolist(), strict=True)

    def largest(self) -> int:
        """Return the index of the person with the largest box.

        Raises:
            ValueError: There is nobody.
        """
        import numpy as np

        return int(np.argmax(self.boxes[:, 2] * self.boxes[:, 3]))


def list_samples(folder: Path) -> list[Sample]:
    """Return the pictures of a set that have labels, sorted by path.

    Raises:
        DataError: The folder is missing or holds no labelled picture.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder",
            "give the folder that holds the pictures and their .txt files",
        )
    pictures = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    samples = [Sample(p, p.with_suffix(".txt")) for p in pictures]
    labelled = [sample for sample in samples if sample.label.is_file()]
    if not labelled:
        raise DataError(
            f"{folder} holds {len(pictures)} pictures and none with a .txt beside it",
            "a set in COCO format is converted by `poseline dataset convert`",
        )
    if len(labelled) < len(samples):
        without = next(sample.image.name for sample in samples if not sample.label.is_file())
        count = len(samples) - len(labelled)
        _log.warning("pictures without labels left out", count=count, first=without)
    return labelled


def split(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Shuffle by the seed and cut a part off.

    Args:
        samples: A sorted set.
        share: Size of the part in (0, 1); at least one sample is on each side.
        seed: Seed of the shuffle.

    Returns:
        The rest and the part, each sorted.

    Raises:
        DataError: There are fewer than two samples.
    """
    if len(samples) < 2:
        raise DataError("a set of one picture cannot be split", "give a separate set")
    order = list(samples)
    random.Random(seed).shuffle(order)  # noqa: S311  reproducible, not secret
    cut = min(max(round(len(order) * share), 1), len(order) - 1)
    return sorted(order[cut:]), sorted(order[:cut])


def read_label(path: Path, keypoints: int) -> Poses:
    """Read the persons of one picture; an empty file has none.

    Raises:
        DataError: As `parse_label`, or the file cannot be read or is not text.
    """
    return parse_label(read_label_text(path), keypoints, shown(path))


def read_label_text(path: Path) -> str:
    """Read a label as it is written.

    Raises:
        DataError: It cannot be read or is not text.
    """
    content = read_regular(path, LARGEST_LABEL)
    try:
        return content.decode("utf-8-sig")  # editors of Windows put a mark at the beginning
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)} is not a text file", _REMEDY) from None


def parse_label(text: str, keypoints: int, source: str) -> Poses:
    """Read the text of a label file.

    Raises:
        DataError: A line is not the class 0 and 4 + 3 · `keypoints` numbers, or they are not
            shares of the picture.
    """
    import numpy as np  # here, since a conversion needs no arrays

    rows = [
        _parse_line(line, keypoints, f"{source}, line {number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]
    values = np.asarray(rows, np.float64).reshape(-1, 5 + 3 * keypoints)
    points = values[:, 5:].reshape(-1, keypoints, 3)
    points[..., 2] = labelled(points[..., 2])
    points[points[..., 2] == 0] = 0
    return Poses(values[:, 1:5].astype(np.float32), points.astype(np.float32))


def _parse_line(line: str, keypoints: int, place: str) -> list[float]:
    try:
        row = [float(item) for item in line.split()]
    except ValueError:
        raise DataError(f"{place}: not a line of numbers", _REMEDY) from None
    if len(row) != 5 + 3 * keypoints:
        found = f"{(len(row) - 5) / 3:g}" if len(row) > 5 else "no"
        raise DataError(
            f"{place}: {len(row)} numbers, that is {found} keypoints; "
            f"expected {5 + 3 * keypoints} for {keypoints} keypoints",
            "set dataset.keypoints (of a config) or --keypoints (of a command) to what the set "
            "was converted with, or convert it again",
        )
    if not all(map(math.isfinite, row)):
        raise DataError(f"{place}: a value is not finite", _REMEDY)
    if row[0] != 0:
        raise DataError(f"{place}: class {row[0]:g}; a set has one class, 0", _REMEDY)
    box = row[1:5]
    if not all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in box):
        raise DataError(f"{place}: the box {_listed(box)} is not in [0, 1]", _SHARES)
    # A point a little outside of the picture is read as not labelled; one that is further away
    # than the picture is large is not a share.
    points = zip(row[5::3], row[6::3], row[7::3], strict=True)
    for number, (x, y, v) in enumerate(points, 1):
        if v >= LABELLED_FROM and not (-1 <= x <= 2 and -1 <= y <= 2):
            raise DataError(
                f"{place}: keypoint {number} at {_listed((x, y))} is not in [0, 1]", _SHARES
            )
    return row


def _listed(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"


def format_label(persons: Iterable[Person]) -> str:
    """Return the text of a label file; six decimals, a hundredth of a pixel at 10,000 px."""
    return "".join(
        _row(len(points)) % (*box, *(value for x, y, v in points for value in (x, y, v > 0)))
        for box, points in persons
    )


@cache
def _row(points: int) -> str:
    return f"0{' %.6f' * 4}{' %.6f %.6f %d' * points}\n"
