"""YOLO-pose sets as Ultralytics has them: data.yaml, pictures in images/, labels in labels/.

A label has a line an object: `class cx cy w h`, then `x y` or `x y v` for each keypoint, as shares
of the upright picture. A class is a whole number from 0. With two numbers a keypoint, one at (0, 0)
or outside is not labelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.coco import Picture
from poseline.data.coco_layout import Part
from poseline.data.keypoint_names import KeypointOrder, matched
from poseline.data.keypoints import KeypointSet
from poseline.data.regular_file import LARGEST_LABEL, read_regular
from poseline.data.set_file import SetFile, find_set_file, read_set_file
from poseline.data.set_folder import SetFolder
from poseline.data.yolo import PICTURES
from poseline.errors import DataError
from poseline.log import get_logger

_OUTSIDE = 1e-3  # of a share that was rounded
_LARGEST_LIST = 64 << 20
_PATHS = "its paths are relative to it, such as `train: images/train`"
_log = get_logger(__name__)
_Rows = list[list[float]]


class YoloPoseSet:
    """A set with a data.yaml that has a `kpt_shape`.

    Attributes:
        folder: Its folder.
        file: Its data.yaml.
        content: What is in it.
    """

    def __init__(self, folder: SetFolder, file: Path, content: SetFile) -> None:
        self.folder, self.root, self.file, self.content = folder, folder.root, file, content

    @classmethod
    def at(cls, folder: SetFolder) -> YoloPoseSet | None:
        """Return the set in a folder; None where there is none.

        Raises:
            DataError: Its data.yaml is damaged.
        """
        file = find_set_file(folder.root)
        content = read_set_file(file) if file else None
        return cls(folder, file, content) if file and content else None

    def splits(
        self, keypoints: int | KeypointDefinition | None, category: str | None
    ) -> Iterator[tuple[Part, YoloPoseAnnotations]]:
        """Yield the splits that there are.

        Args:
            keypoints: Keypoints of the set to be made; None: those of the set.
            category: Name or number of the class to read; needed where several are labelled.

        Raises:
            DataError: The keypoints or the class are not there, or no split is.
        """
        points, order = matched(self.content.points, keypoints, str(self.file))
        splits = {
            split: found
            for split in ("train", "val", "test")
            if (found := self._pictures(split, getattr(self.content, split)))[0]
        }
        chosen = self._class(category, (name for names, _ in splits.values() for name in names))
        for split, (names, dropped) in splits.items():
            part = Part(split, self.file, self.folder, ("",))
            yield part, YoloPoseAnnotations(names, points, order, self, chosen, dropped)
        if not splits:
            raise DataError(f"{self.file} names no pictures: train, val and test are empty", _PATHS)

    def picture(self, name: str, chosen: int | None) -> Picture:
        """Return a picture with what its label says of the objects of a class; None: of any."""
        dropped: Counter[str] = Counter(no_label=self._label(name) is None)
        persons = tuple(self._persons(self._rows(name), chosen, dropped))
        return Picture(name, 0, 0, persons, shares=True, dropped=dropped)

    def _pictures(
        self, split: str, entry: str | list[str] | None
    ) -> tuple[list[str], Counter[str]]:
        """Return the pictures that an entry of data.yaml names, and how many are not there.

        Their names are relative to the set, and sorted.
        """
        entries = [entry] if isinstance(entry, str) else entry or []
        found: set[str] = set()
        dropped: Counter[str] = Counter()
        for each in entries:
            place = self._place(each)
            if place is None:
                if split == "train":
                    raise DataError(
                        f"{self.file}: train: {each} is not there", self._outside() or _PATHS
                    )
                _log.warning("a split of data.yaml is not there", split=split, path=each)
                continue
            if place.is_dir():
                found |= {
                    path.relative_to(self.root).as_posix()
                    for path in place.rglob("*")
                    if path.suffix.lower() in PICTURES
                }
            else:  # a list of pictures
                text = read_regular(place, _LARGEST_LIST).decode("utf-8", "replace")
                listed = set(filter(None, map(str.strip, text.splitlines())))
                there = {name for line in listed if (name := self._inside(line))}
                dropped["missing"] += len(listed) - len(there)
                found |= there
        if entries and not found and split == "train":
            raise DataError(f"{self.file}: train: {', '.join(entries)} holds no picture", _PATHS)
        return sorted(found), dropped

    def _place(self, entry: str) -> Path | None:
        """Return a folder or list of the set; what is written for another machine is looked for.

        Tools write the place of the set there (`path: ../datasets/x`), or one too high
        (`../train/images`).
        """
        for written in (f"{self.content.path or ''}/{entry}", entry):
            parts = [
                part for part in written.replace("\\", "/").split("/") if part not in ("", ".")
            ]
            for start in range(len(parts)):
                tail = parts[start:]
                if ".." not in tail and (place := self.root.joinpath(*tail)).exists():
                    return place
        return None

    def _outside(self) -> str:
        """Return what to do where the set is in another folder than its data.yaml, or nothing."""
        place = self.root / (self.content.path or "")
        if not place.is_dir() or place.resolve().is_relative_to(self.root.resolve()):
            return ""
        return (
            f"its path is the folder {place.resolve()}: put {self.file.name} there and convert that"
        )

    def _inside(self, line: str) -> str | None:
        place = self._place(line)
        return place.relative_to(self.root).as_posix() if place else None

    def _rows(self, name: str) -> _Rows:
        """Return the numbers of a picture's label; a line that is none is an empty one."""
        path = self._label(name)
        if path is None:
            return []
        text = read_regular(path, LARGEST_LABEL).decode("utf-8-sig", "replace")
        return [_numbers(line) for line in text.splitlines() if line.strip()]

    def _label(self, name: str) -> Path | None:
        """Return the label of a picture: in labels/ in the place of images/, or beside it."""
        parts = list(PurePosixPath(name).with_suffix(".txt").parts)
        candidates = [self.root.joinpath(*parts)]
        if "images" in parts:
            place = len(parts) - 1 - parts[::-1].index("images")
            parts[place] = "labels"
            candidates.insert(0, self.root.joinpath(*parts))
        return next((path for path in candidates if path.is_file()), None)

    def _class(self, wanted: str | None, pictures: Iterator[str]) -> int | None:
        """Return the number of the class to read; None: there is but one."""
        names = self.content.names
        used = sorted({int(row[0]) for name in pictures for row in self._rows(name) if row})
        if wanted is not None:
            for number in sorted({*names, *used}):
                if wanted.lower() in (str(number), names.get(number, "").lower()):
                    return number
        elif len(used) < 2:
            return None
        listed = ", ".join(f"{names.get(number, '?')} ({number})" for number in used[:20])
        raise DataError(
            f"{self.file}: labels are of the classes {listed or 'none'}"
            + (f", and none is {wanted!r}" if wanted is not None else ""),
            "choose one with --category (of a command) or conversion.category (of a config)",
        )

    def _persons(
        self, rows: _Rows, chosen: int | None, dropped: Counter[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the annotations of a picture, as COCO has them, in shares of it."""
        count, numbers = self.content.kpt_shape
        for row in rows:
            if chosen is not None and row and row[0] != chosen:
                dropped["other_category"] += 1
                continue
            if len(row) != 5 + count * numbers:
                dropped["other_number_of_keypoints" if len(row) > 5 else "malformed"] += 1
                continue
            x, y, width, height = row[1:5]
            if max(x, y, width, height) > 1 + _OUTSIDE:
                dropped["not_shares"] += 1
                continue
            points = [row[at : at + numbers] for at in range(5, len(row), numbers)]
            if numbers == 2:
                points = [[a, b, float(min(a, b) >= 0 and (a, b) != (0, 0))] for a, b in points]
            yield {
                "bbox": [x - width / 2, y - height / 2, width, height],
                "keypoints": [value for point in points for value in point],
            }


@dataclass
class YoloPoseAnnotations:
    """`coco.Annotations` of a split; labels are read as their pictures are asked for."""

    names: Sequence[str]
    points: KeypointSet
    order: KeypointOrder
    source: YoloPoseSet = field(repr=False)
    chosen: int | None
    dropped: Counter[str] = field(default_factory=Counter)

    def picture(self, name: str) -> Picture:
        """Return one of the pictures."""
        return self.source.picture(name, self.chosen)


def _numbers(line: str) -> list[float]:
    try:
        row = [float(item) for item in line.split()]
    except ValueError:
        return []
    return row if row[0] >= 0 and row[0].is_integer() else []
