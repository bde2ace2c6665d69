"""Where the annotation files and the pictures of a COCO set are, as different tools lay them out.

COCO has annotations/person_keypoints_<split>*.json beside <split>*/ or images/<split>*/; CVAT has
annotations/person_keypoints_default.json and images/<subset>/; Roboflow puts
<split>/_annotations.coco.json beside its pictures; Label Studio and others write one JSON above
them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from poseline.data.regular_file import LARGEST_ANNOTATIONS, open_regular
from poseline.data.set_folder import SetFolder, entries_of, folders_below
from poseline.errors import DataError
from poseline.store.manifest import MANIFEST

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""How tools call the splits; anything else is a training set."""
_LABEL_STUDIO = re.compile(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)")
_CHUNK = 1 << 20
_LAYOUTS = (
    "expected annotations/person_keypoints_*.json with train*/ and val*/ as COCO is unzipped, or "
    "one COCO keypoints .json for each split, in or above the folder of its pictures; or a "
    "YOLO-pose set, whose data.yaml has `kpt_shape`"
)


@dataclass(frozen=True)
class Part:
    """One split of a set.

    Attributes:
        split: `train`, `val` or `test`.
        annotations: Its annotation file.
        folder: Of the set.
        roots: Folders that its file names may be relative to, relative to that of the set, the
            likeliest first.
    """

    split: str
    annotations: Path
    folder: SetFolder = field(repr=False)
    roots: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The folder of the set."""
        return self.folder.root

    def locate(self, name: str) -> str | None:
        """Return the path of a picture relative to the set; None where the file does not exist.

        Args:
            name: The `file_name` of the annotation file. Folders in front of the name that are not
                there (the prefix of a server, a folder of another machine) are left out, and so is
                what Label Studio puts before the name of a file.
        """
        for written in _spellings(name):
            parts = [part for part in unicodedata.normalize("NFC", written).split("/") if part]
            if ".." in parts:
                continue
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for root in self.roots:
                    if found := self.folder.find(f"{root}/{tail}" if root else tail):
                        return found
        return None


def _spellings(name: str) -> Iterator[str]:
    """Yield what a picture may be called, the likeliest first."""
    yield name
    plain = unquote(name)
    if plain != name:
        yield plain
    if (without := _LABEL_STUDIO.sub(r"\1", plain)) != plain:
        yield without


def find_parts(source: SetFolder) -> list[Part]:
    """Find the splits of a set, by the names of files alone.

    Raises:
        DataError: There is no annotation file, or two of one split.
    """
    folder = source.root
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder", "give the folder that holds pictures and annotations"
        )
    files = _annotation_files(folder)
    if not files:
        raise DataError(f"{folder} holds no annotation file (.json)", _LAYOUTS)
    parts = [_part(source, file, alone=len(files) == 1) for file in files]
    for part in parts:
        same = [p.annotations for p in parts if p.split == part.split]
        if len(same) > 1:
            names = ", ".join(str(p.relative_to(folder)) for p in same[:5])
            raise DataError(
                f"{folder} holds {len(same)} annotation files of the split {part.split}: {names}",
                "keep one of them, or convert a folder with one of them and its pictures",
            )
    return sorted(parts, key=lambda part: ("train", "val", "test").index(part.split))


def _annotation_files(folder: Path) -> list[Path]:
    """Return the annotation files: those named for keypoints, else whatever JSON there is."""
    found = sorted(
        folder / below / entry.name
        for below in ("", *folders_below(folder))
        for entry in entries_of(folder / below)
        if entry.name.endswith(".json") and not entry.name.startswith(".")
        if entry.name != MANIFEST
    )
    for named in ("person_keypoints", "keypoints", "_annotations.coco"):
        if chosen := [path for path in found if named in path.name.lower()]:
            return chosen
    return [path for path in found if _mentions_keypoints(path)] or found


def _mentions_keypoints(path: Path) -> bool:
    sought, before = b'"keypoints"', b""
    try:
        with open_regular(path, LARGEST_ANNOTATIONS) as (file, _):
            while chunk := file.read(_CHUNK):
                if sought in before + chunk:
                    return True
                before = chunk[1 - len(sought) :]
    except (DataError, OSError):
        pass
    return False


def _part(source: SetFolder, file: Path, *, alone: bool) -> Part:
    folder = source.root
    split = _split_of(file, folder)
    relative = file.parent.relative_to(folder).as_posix()
    own = "" if relative == "." else relative
    subset = file.stem.rpartition("_")[2]  # CVAT: person_keypoints_<subset>.json
    folders = _folders(folder)
    exact = [name for name in folders if _last(name) == subset]
    alike = [name for name in folders if _SPLITS.get(_word(_last(name))) == split]
    matching = exact + alike
    roots = list(matching)
    if own != "annotations":
        roots.append(own)
    if alone or not matching:
        roots += ["", "images", "data", *folders]
    return Part(split, file, source, tuple(dict.fromkeys(roots)))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _split_of(file: Path, folder: Path) -> str:
    """Return the split that a file's name, or else its folder's, speaks of."""
    for text in (file.stem, "" if file.parent == folder else file.parent.name):
        words = text.lower().replace("-", "_").replace(".", "_").split("_")
        for word in words:
            if split := _SPLITS.get(_word(word)):
                return split
    return "train"


def _word(text: str) -> str:
    """Return a word without the year behind it: train2017 → train."""
    return text.lower().rstrip("0123456789")


def _folders(folder: Path) -> list[str]:
    """Return the folders of a set, and those within them, relative to it."""
    shown = (name for name in folders_below(folder) if not _last(name).startswith("."))
    return [name for name in shown if _last(name) != "annotations"]
