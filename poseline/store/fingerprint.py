"""What the content of a set is known by, without fetching a picture of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from poseline.errors import StoreError
from poseline.store.manifest import MANIFEST, FileEntry, Manifest
from poseline.store.transfer import fetch
from poseline.store.uri import Location, parse

NOTHING = ""
"""The fingerprint of a place that holds nothing."""

_MOST_FILES = 200_000
_LARGEST_MANIFEST = 32 << 20  # bytes; that of some 150,000 files


@dataclass(frozen=True, slots=True)
class _File:
    """A file or an object: its relative name, bytes, ETag or time, and last change in s."""

    name: str
    size: int
    content: str
    modified: float


def fingerprint(uri: str) -> str:
    """Return a hash that changes with the content of a set.

    A set with a manifest is known by the checksums in it, and by what was added, changed or removed
    since it was written; any other by the names of its files, their sizes, and their ETags (on S3)
    or times. When a manifest was written makes no difference.

    Args:
        uri: A path, file:// or s3:// of a file or a folder.

    Returns:
        sha256 in hex; `NOTHING` where nothing is there.

    Raises:
        StoreError: It cannot be told, or there are too many files.
    """
    place = parse(uri)
    if place.scheme not in ("s3", "file"):
        raise StoreError(
            f"{uri}: a web server reports no changes", "use s3://bucket/key or a folder"
        )
    files = _limited(_objects(place) if place.scheme == "s3" else _below(Path(place.path)), uri)
    if not files:
        return NOTHING
    written = files.pop(MANIFEST, None)
    known = _checksums(uri, written) if written else {}
    if written and not known:  # another program's
        files[MANIFEST] = written
    lines = [f"{name} {entry.sha256}" for name, entry in known.items()]
    lines += [f"{name} is missing" for name in known.keys() - files.keys()]
    for name, file in files.items():
        entry = known.get(name)
        if not (
            written and entry and entry.size == file.size and file.modified <= written.modified
        ):
            lines.append(f"{name} {file.size} {file.content}")
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()


def _limited(found: Iterator[_File], uri: str) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for file in found:
        if len(files) == _MOST_FILES:
            raise StoreError(
                f"{uri} has more than {_MOST_FILES:,} files", "pack it: poseline dataset pack"
            )
        files[file.name] = file
    return files


def _checksums(uri: str, written: _File) -> Mapping[str, FileEntry]:
    """Return what a manifest says of each file; nothing where it is none of ours, or a huge one."""
    if written.size > _LARGEST_MANIFEST:
        return {}
    with tempfile.TemporaryDirectory(prefix="poseline-") as cache:
        path = fetch(f"{uri.rstrip('/')}/{MANIFEST}", cache=Path(cache), progress=False)
        try:
            return Manifest.read(path.parent).files
        except StoreError:
            return {}


def _objects(place: Location) -> Iterator[_File]:
    from poseline.store import s3

    for entry in s3.entries(place.bucket, place.path):
        yield _File(entry.key, entry.size, entry.etag, entry.modified)


def _below(root: Path) -> Iterator[_File]:
    for path in [root] if root.is_file() else root.rglob("*"):
        if path.is_file():
            status = path.stat()
            name = path.name if path == root else path.relative_to(root).as_posix()
            yield _File(name, status.st_size, str(status.st_mtime_ns), status.st_mtime)
