"""COCO keypoint files: reading them, whatever tool wrote them, into checked values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any, Protocol

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.annotation_table import AnnotationTable, Image
from poseline.data.coco_category import (
    asks_whole_body,
    chosen_category,
    id_of,
    names_of,
    points_of_category,
    with_whole_body,
)
from poseline.data.coco_file import Element, UnstreamableError, streamed, whole
from poseline.data.keypoint_names import KeypointOrder, matched
from poseline.data.keypoints import PERSON_17, WHOLE_BODY_133, KeypointSet
from poseline.errors import DataError

_LONGEST_NAME = 4096


@dataclass(frozen=True)
class Picture:
    """A picture of a set, with its persons' annotations as they were written.

    Attributes:
        name: Its path, relative and with `/`.
        width: Width in px that the annotations are made for; 0: not known.
        height: Height in px; 0: not known.
        persons: Annotations of the chosen category.
        shares: Whether they are in shares of the picture as it is shown, not in px.
        dropped: Annotations of it that were left out, by reason.
    """

    name: str
    width: float
    height: float
    persons: tuple[dict[str, Any], ...]
    shares: bool = False
    dropped: Counter[str] = field(default_factory=Counter)


class Annotations(Protocol):
    """The annotations of a split, of which no more than a picture's are in memory.

    Attributes:
        names: The pictures' names, each once, sorted.
        points: Keypoints of the set to be made.
        order: Which of a person's keypoints is which of the set's.
        dropped: What was left out beside the annotations of its pictures, by reason.
    """

    names: Sequence[str]
    points: KeypointSet
    order: KeypointOrder
    dropped: Counter[str]

    def picture(self, name: str) -> Picture:
        """Return one of the pictures."""
        ...


@dataclass
class CocoAnnotations:
    """`Annotations` of a COCO file."""

    names: Sequence[str]
    points: KeypointSet
    order: KeypointOrder
    dropped: Counter[str]
    table: AnnotationTable = field(repr=False)
    whole_body: bool = False

    def picture(self, name: str) -> Picture:
        """Return one of the pictures."""
        width, height, persons = self.table.picture(name)
        if self.whole_body:
            persons = [with_whole_body(person) for person in persons]
        return Picture(name, width, height, tuple(persons))


@dataclass
class _Census:
    """What of the annotations the choice of a category and of keypoints depends on."""

    whole_body: bool
    """Whether the set to be made may have COCO-WholeBody's keypoints."""
    malformed: int = 0
    labelled: set[str | None] = field(default_factory=set)
    """Ids of the categories with keypoints."""
    lengths: Counter[tuple[str | None, int, int]] = field(default_factory=Counter)
    """Persons by category, number of keypoints, and that with COCO-WholeBody's others."""

    def add(self, annotation: Any, table: AnnotationTable) -> None:
        """Count an annotation, and put it into a table where it says what picture it is of."""
        if not isinstance(annotation, dict):
            self.malformed += 1
            return
        image, category = (id_of(annotation.get(key)) for key in ("image_id", "category_id"))
        if annotation.get("keypoints"):
            self.labelled.add(category)
        if image is None:
            self.malformed += 1
            return
        if length := _length(annotation):
            wide = _length(with_whole_body(annotation)) if self.whole_body else length
            self.lengths[category, length, wide] += 1
        table.add_person(image, category, annotation)

    def by_length(self, category: str | None, *, whole_body: bool) -> Counter[int]:
        """Count the persons of a category by their number of keypoints; None: every category."""
        found: Counter[int] = Counter()
        for (each, length, wide), count in self.lengths.items():
            if category is None or each in (category, None):
                found[wide if whole_body else length] += count
        return found


def read_annotations(
    path: Path, keypoints: int | KeypointDefinition | None, category: str | None = None
) -> CocoAnnotations:
    """Read an annotation file.

    Args:
        path: The file.
        keypoints: Keypoints of the set to be made; None: those that the category names.
        category: Name or id of the category to read; needed where several have keypoints.

    Raises:
        DataError: The file is not a COCO keypoints JSON, a file name leaves its folder, the
            category is not there, or its keypoints do not hold those of the set.
    """
    try:
        return _read(streamed(path), path, keypoints, category)
    except UnstreamableError:
        return _read(whole(path), path, keypoints, category)


def _read(
    elements: Iterable[Element],
    path: Path,
    keypoints: int | KeypointDefinition | None,
    category: str | None,
) -> CocoAnnotations:
    table, census, dropped = AnnotationTable(), _Census(asks_whole_body(keypoints)), Counter[str]()
    categories: list[Any] = []
    for kind, element in elements:
        if kind == "annotations":
            census.add(element, table)
        elif kind == "images":
            _add_picture(element, table, dropped, path)
        else:
            categories.append(element)
    chosen = chosen_category(path, categories, census.labelled, category)
    dropped["malformed"] = census.malformed
    own = id_of(chosen.get("id")) if chosen else None
    if own is not None:
        dropped["other_category"] = table.keep_category(own)
    names = names_of(chosen)
    whole_body = census.whole_body and bool(names) and len(names or ()) == len(PERSON_17)
    names = list(WHOLE_BODY_133.names) if whole_body else names
    lengths = census.by_length(own, whole_body=whole_body)
    if names is None and keypoints is None:
        _check_number(path, lengths, None, len(PERSON_17))
    points, order = matched(points_of_category(chosen, names, path), keypoints, str(path))
    _check_number(path, lengths, names, order.count)
    table.complete()
    dropped["unknown_image"] += table.strangers()
    return CocoAnnotations(table.names(), points, order, dropped, table, whole_body)


def _add_picture(image: Any, table: AnnotationTable, dropped: Counter[str], path: Path) -> None:
    """Put a picture that is listed into a table, or count why it is not."""
    key = id_of(image.get("id")) if isinstance(image, dict) else None
    if key is None or not isinstance(image.get("file_name"), str):
        dropped["malformed_picture"] += 1
        return
    name = _safe_name(image["file_name"], path)
    size = _side(image.get("width")), _side(image.get("height"))
    if name is None:
        dropped["malformed_picture"] += 1
        table.add_unusable(key)
    elif not table.add_picture(Image(key, name, *size)):
        dropped["duplicate"] += 1
        table.add_unusable(key)


def _side(value: Any) -> float:
    """Return a side in px; 0 where it is missing or not a number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if 0 < number < 1e9 else 0.0


def _length(annotation: dict[str, Any]) -> int:
    """Return how many keypoints an annotation has; 0 where its list is none."""
    listed = annotation.get("keypoints")
    if not isinstance(listed, list) or not listed or isinstance(listed[0], list):
        return 0
    return 0 if len(listed) % 3 else len(listed) // 3


def _check_number(path: Path, lengths: Counter[int], names: list[str] | None, count: int) -> None:
    """Refuse a file none of whose persons has the keypoints that the category names."""
    if not lengths or count in lengths:
        return
    ((commonest, _),) = lengths.most_common(1)
    listed = f"names {count}: {', '.join(names)}"[:1000] if names else "names none"
    raise DataError(
        f"{path}: persons have {commonest} keypoints, and the category {listed}",
        f"write the names of the {commonest} keypoints, in their order, into the category's "
        "`keypoints`",
    )


def _safe_name(name: str, source: Path) -> str | None:
    """Return a relative path with `/`; None where it cannot be the name of a file.

    A folder of another machine before it (`/data/upload`, `../../media`, `D:`) is not gone to: the
    picture is looked for in the set alone.
    """
    if len(name) > _LONGEST_NAME or "\0" in name:
        return None
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    inside = list(dropwhile("..".__eq__, parts))
    if ".." in inside or not inside:
        raise DataError(
            f"{source}: file_name {name[:200]!r} leaves the folder of the pictures",
            "file names are relative and have no `..`",
        )
    return "/".join(inside)
