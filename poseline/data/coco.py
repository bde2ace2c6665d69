"""COCO person_keypoints sets: finding their parts, and reading their annotations."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from poseline.data.keypoints import PERSON_17
from poseline.data.yolo import Poses
from poseline.errors import DataError

Array = np.ndarray[Any, Any]

SPLITS = ("train", "val")
_HEAD = [
    PERSON_17.names.index(n) for n in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
]
_BODY = slice(5, 17)


@dataclass(frozen=True)
class Part:
    """One split of a set: its annotation file and the folder of its pictures."""

    split: str
    annotations: Path
    pictures: Path


@dataclass(frozen=True)
class Picture:
    """A picture of an annotation file, with its persons' annotations as COCO has them."""

    name: str
    width: int
    height: int
    persons: tuple[dict[str, Any], ...]


@dataclass
class Annotations:
    """What was read of an annotation file, and what was left out of it, counted by reason."""

    pictures: list[Picture]
    dropped: Counter[str] = field(default_factory=Counter)


def find_parts(folder: Path) -> list[Part]:
    """Find the splits of a COCO set.

    Either as COCO is unzipped (train*/, val*/ and annotations/), or one person_keypoints*.json
    beside its pictures.

    Raises:
        DataError: There is no annotation file, or its pictures are not there.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", "give the folder that COCO was unzipped in")
    parts = []
    for split in SPLITS:
        files = sorted((folder / "annotations").glob(f"person_keypoints_{split}*.json"))
        folders = sorted(p for p in folder.glob(f"{split}*") if p.is_dir())
        if files and folders:
            parts.append(Part(split, files[0], folders[0]))
        elif files:
            raise DataError(
                f"{folder} has {files[0].name} and no folder {split}*",
                f"unzip the {split} pictures beside annotations/",
            )
    if parts:
        return parts
    flat = sorted(folder.glob("person_keypoints*.json"))
    parts = [Part("val" if "val" in file.stem else "train", file, folder) for file in flat]
    if not parts or len({part.split for part in parts}) < len(parts):
        raise DataError(
            f"{folder} holds {len(flat)} files person_keypoints*.json and no annotations/ folder",
            "expected train*/, val*/ and annotations/person_keypoints_*.json, "
            "or one person_keypoints*.json beside its pictures",
        )
    return parts


def read_annotations(path: Path) -> Annotations:
    """Read an annotation file; each picture once, in the order of its file name.

    Raises:
        DataError: The file is no person_keypoints JSON, or a file name leaves its folder.
    """
    try:
        data = json.loads(path.read_bytes())
        images, annotations = data["images"], data["annotations"]
        found = Annotations([])
        persons: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in annotations:
            persons[annotation["image_id"]].append(annotation)
        seen: set[Any] = set()
        known = {image["id"] for image in images}
        for image in images:
            name = _safe_name(str(image["file_name"]), path)
            if name in seen or ("id", image["id"]) in seen:
                found.dropped["duplicate"] += 1
                continue
            seen |= {name, ("id", image["id"])}
            found.pictures.append(
                Picture(
                    name, int(image["width"]), int(image["height"]), tuple(persons[image["id"]])
                )
            )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}",
            "the file is cut off or no JSON; unzip it again",
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no person_keypoints file: {type(error).__name__} {error}",
            "it needs `images` (id, file_name, width, height) and `annotations` "
            "(image_id, bbox, keypoints)",
        ) from None
    found.dropped["unknown_image"] += sum(len(persons[i]) for i in set(persons) - known)
    found.pictures.sort(key=lambda picture: picture.name)
    return found


def _safe_name(name: str, source: Path) -> str:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or not parts.name:
        raise DataError(
            f"{source}: file_name {name!r} leaves the folder of the pictures",
            "file names are relative and have no `..`",
        )
    return str(parts)


def to_poses(
    persons: tuple[dict[str, Any], ...],
    width: int,
    height: int,
    keypoints: int,
    dropped: Counter[str],
) -> Poses:
    """Turn a picture's annotations into YOLO's shares.

    Crowds, annotations that are none, and boxes without area inside of the picture are dropped,
    and counted in `dropped`. Boxes are cut at the border; keypoints outside of it become
    unlabelled; both are counted, too.

    Args:
        persons: Annotations of one picture.
        width: Width of the picture in px, as the annotations know it.
        height: Height of the picture in px, as the annotations know it.
        keypoints: 13 or 17.
        dropped: Counts by reason; changed in place.
    """
    boxes, points = [], []
    for person in persons:
        if person.get("iscrowd"):
            dropped["crowd"] += 1
            continue
        try:
            x, y, w, h = (float(v) for v in person["bbox"])
            joints = np.asarray(person["keypoints"], np.float64).reshape(17, 3)
        except (KeyError, TypeError, ValueError):
            dropped["malformed"] += 1
            continue
        if not np.isfinite([x, y, w, h]).all() or not np.isfinite(joints).all():
            dropped["malformed"] += 1
            continue
        left, top = max(x, 0.0), max(y, 0.0)
        right, bottom = min(x + w, width), min(y + h, height)
        if right <= left or bottom <= top:
            dropped["no_area"] += 1
            continue
        if (left, top, right, bottom) != (x, y, x + w, y + h):
            dropped["box_cut"] += 1
        boxes.append(
            [
                (left + right) / 2 / width,
                (top + bottom) / 2 / height,
                (right - left) / width,
                (bottom - top) / height,
            ]
        )
        shares = _shares(joints, width, height)
        dropped["keypoint_outside"] += int(((joints[:, 2] >= 1) & (shares[:, 2] == 0)).sum())
        points.append(shares if keypoints == 17 else _with_head(shares))
    return Poses(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(points, np.float32).reshape(-1, keypoints, 3),
    )


def _shares(joints: Array, width: int, height: int) -> Array:
    """Return (17, 3) shares; an unlabelled keypoint is all zero."""
    shares = joints / (width, height, 1)
    inside = ((shares[:, :2] >= 0) & (shares[:, :2] <= 1)).all(axis=1)
    shares[:, 2] = (joints[:, 2] >= 1) & inside
    shares[shares[:, 2] == 0] = 0
    return shares


def _with_head(shares: Array) -> Array:
    """Return (13, 3): the mean of the visible points of the face, and the body."""
    face = shares[_HEAD]
    head = face[face[:, 2] > 0].mean(axis=0) if face[:, 2].any() else np.zeros(3)
    return np.concatenate([head[None], shares[_BODY]])
