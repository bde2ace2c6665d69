"""COCO keypoint files: reading them, whatever tool wrote them, into checked values."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.coco_category import (
    asks_whole_body,
    chosen_category,
    id_of,
    names_of,
    points_of_category,
    with_whole_body,
)
from poseline.data.keypoint_names import KeypointOrder, matched
from poseline.data.keypoints import PERSON_17, WHOLE_BODY_133, KeypointSet
from poseline.data.regular_file import LARGEST_ANNOTATIONS, read_regular
from poseline.errors import DataError

_PARTS_REMEDY = (
    "it needs `images` (id, file_name, width, height) and `annotations` (image_id, bbox, keypoints)"
)
_LONGEST_NAME = 4096


@dataclass(frozen=True)
class Picture:
    """A picture of an annotation file, with its persons' annotations as they were written.

    Attributes:
        name: Its path, relative and with `/`.
        width: Width in px that the annotations are made for; 0: not known.
        height: Height in px; 0: not known.
        persons: Annotations of the chosen category.
        shares: Whether they are in shares of the picture as it is shown, not in px.
    """

    name: str
    width: float
    height: float
    persons: tuple[dict[str, Any], ...]
    shares: bool = False


@dataclass
class Annotations:
    """What was read of an annotation file.

    Attributes:
        pictures: Each once, sorted by name.
        points: Keypoints of the set to be made.
        order: Which of a person's keypoints is which of the set's.
        dropped: What was left out, by reason.
    """

    pictures: list[Picture]
    points: KeypointSet
    order: KeypointOrder
    dropped: Counter[str] = field(default_factory=Counter)


def read_annotations(
    path: Path, keypoints: int | KeypointDefinition | None, category: str | None = None
) -> Annotations:
    """Read an annotation file.

    Args:
        path: The file.
        keypoints: Keypoints of the set to be made; None: those that the category names.
        category: Name or id of the category to read; needed where several have keypoints.

    Raises:
        DataError: The file is not a COCO keypoints JSON, a file name leaves its folder, the
            category is not there, or its keypoints do not hold those of the set.
    """
    data = _json(path)
    if not isinstance(data, dict):
        raise _not_coco(path, f"it holds {_kind(data)}")
    images, annotations = _list(data, "images", path), _list(data, "annotations", path)
    chosen = chosen_category(path, data.get("categories"), annotations, category)
    names, dropped = names_of(chosen), Counter[str]()
    if names and len(names) == len(PERSON_17) and asks_whole_body(keypoints):
        annotations, names = with_whole_body(annotations), list(WHOLE_BODY_133.names)
    persons = _by_image(annotations, chosen, dropped)
    if names is None and keypoints is None:
        _check_number(path, persons, None, len(PERSON_17))
    points, order = matched(points_of_category(chosen, names, path), keypoints, str(path))
    _check_number(path, persons, names, order.count)
    found = Annotations([], points, order, dropped)
    seen: set[str] = set()
    known: set[str] = set()
    for image in images:
        key = id_of(image.get("id")) if isinstance(image, dict) else None
        if key is None or not isinstance(image.get("file_name"), str):
            found.dropped["malformed_picture"] += 1
            continue
        name = _safe_name(image["file_name"], path)
        known.add(key)
        if name is None or name in seen or f"id {key}" in seen:
            found.dropped["duplicate" if name else "malformed_picture"] += 1
            continue
        seen |= {name, f"id {key}"}
        size = _side(image.get("width")), _side(image.get("height"))
        found.pictures.append(Picture(name, *size, tuple(persons.get(key, ()))))
    found.dropped["unknown_image"] += sum(len(persons[key]) for key in persons.keys() - known)
    found.pictures.sort(key=lambda picture: picture.name)
    return found


def _json(path: Path) -> Any:
    content = read_regular(path, LARGEST_ANNOTATIONS)
    with suppress(
        ValueError
    ):  # the slower parser below says what is wrong, or reads it all the same
        return from_json(content)
    try:
        try:
            return json.loads(content)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            raise
        except ValueError:  # an integer of thousands of digits
            return json.loads(content, parse_int=float)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}",
            "the file is cut off or not JSON; unzip or export it again",
        ) from None
    except RecursionError:
        raise _not_coco(path, "it is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise _not_coco(path, str(error)) from None


def _not_coco(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a COCO keypoints file: {reason}", _PARTS_REMEDY)


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "text", type(None): "null", bool: "a boolean"}
    return names.get(type(value), "a number")


def _list(data: dict[str, Any], key: str, path: Path) -> list[Any]:
    if key not in data:
        raise _not_coco(path, f"it has no `{key}`")
    value = data[key]
    if not isinstance(value, list):
        raise _not_coco(path, f"`{key}` is {_kind(value)}, not a list")
    return value


def _side(value: Any) -> float:
    """Return a side in px; 0 where it is missing or not a number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if 0 < number < 1e9 else 0.0


def _by_image(
    annotations: Iterable[Any], chosen: dict[str, Any] | None, dropped: Counter[str]
) -> dict[str, list[dict[str, Any]]]:
    wanted = id_of(chosen.get("id")) if chosen else None
    persons: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        image = id_of(annotation.get("image_id")) if isinstance(annotation, dict) else None
        if image is None:
            dropped["malformed"] += 1
        elif wanted is not None and id_of(annotation.get("category_id")) not in (wanted, None):
            dropped["other_category"] += 1
        else:
            persons[image].append(annotation)
    return persons


def _check_number(
    path: Path, persons: Mapping[str, list[dict[str, Any]]], names: list[str] | None, count: int
) -> None:
    """Refuse a file none of whose persons has the keypoints that the category names."""
    lengths = Counter(
        len(person["keypoints"]) // 3
        for group in persons.values()
        for person in group
        if isinstance(person.get("keypoints"), list)
        and len(person["keypoints"]) % 3 == 0
        and len(person["keypoints"]) > 0
        and not isinstance(person["keypoints"][0], list)
    )
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
    """Return a relative path with `/`; None where it cannot be the name of a file."""
    if len(name) > _LONGEST_NAME or "\0" in name:
        return None
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/") or ".." in parts or not parts:
        raise DataError(
            f"{source}: file_name {name[:200]!r} leaves the folder of the pictures",
            "file names are relative and have no `..`",
        )
    return "/".join(parts)
