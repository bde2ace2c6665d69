"""`manifest.json`: what a stage made, from what, and how to see that it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from poseline.errors import StoreError

MANIFEST = "manifest.json"
ATTEMPT = ".resume-key"
"""In a folder that is being made; says that what is there is ours."""
_OF_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini")
_PACKAGES = ("poseline", "numpy", "tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "onnx")


@dataclass(frozen=True)
class FileEntry:
    """One file of an output: its sha256 in hex and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What a stage left in its output folder.

    Attributes:
        stage: What made it: a stage, `pack`, `synthesize`, …; the kind of the folder.
        config_hash: sha256 of the slice of the config that the stage depends on.
        inputs: Name of each input to its content hash.
        files: Path of each file, relative to the folder, to its checksum and size.
        roles: Role of a file (`model`, `predictions`, …) to its relative path.
        metrics: Figures that were measured, floats alone.
        summary: Anything else worth showing, JSON values.
        seed: The global seed, or None.
        versions: Package to version.
        created: UTC time in ISO 8601.
    """

    stage: str
    config_hash: str
    inputs: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileEntry] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder.

        Raises:
            StoreError: There is none, or it is not a manifest.
        """
        path = folder / MANIFEST
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            data["files"] = {name: FileEntry(**entry) for name, entry in data["files"].items()}
            return cls(**data)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(
                f"{folder} has no {MANIFEST}", "the stage that writes it did not finish; run it"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} is not a manifest: {error}") from None

    def write(self, folder: Path) -> None:
        """Write the manifest into its folder; last, since it says that the folder is whole."""
        files = {name: {"sha256": e.sha256, "size": e.size} for name, e in self.files.items()}
        content = {**vars(self), "files": files}
        write_atomic(folder / MANIFEST, json.dumps(content, indent=2, sort_keys=True) + "\n")

    def verify(self, folder: Path) -> None:
        """Compare every file with its checksum.

        Raises:
            StoreError: A file is missing or differs; names it.
        """
        for name, entry in self.files.items():
            path = folder / name
            if not path.is_file():
                raise StoreError(f"{path} is missing", "run the stage that writes it again")
            if path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
                raise StoreError(
                    f"{path} differs from its checksum in {MANIFEST}",
                    "it was changed or damaged; run the stage that writes it again",
                )

    def changed(self, folder: Path) -> list[str]:
        """Return the relative paths of what was added or changed since the manifest was written.

        The checksum is compared where a file is younger than the manifest or of another size; what
        is missing is not a change.
        """
        written = (folder / MANIFEST).stat().st_mtime_ns
        return sorted(
            name
            for name, found in _walk(folder)
            if _is_content(name, found)
            and (not (entry := self.files.get(name)) or _differs(found, entry, written))
        )


def _is_content(name: str, found: os.DirEntry[str]) -> bool:
    """Return whether it is a file or a link, and neither our own nor a file manager's."""
    return (
        not found.is_dir(follow_symlinks=False)
        and name not in (MANIFEST, ATTEMPT)
        and found.name not in _OF_FILE_MANAGERS
    )


def _walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield all that is below a folder, by relative path; links are not followed."""
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        try:
            with os.scandir(folder / inner) as found:
                for entry in found:
                    yield (name := f"{inner}{entry.name}"), entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
        except OSError:
            continue  # what cannot be listed is missed by whoever reads it


def _differs(found: os.DirEntry[str], entry: FileEntry, written: int) -> bool:
    status = found.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
        return True
    return status.st_mtime_ns > written and sha256_of(Path(found.path)) != entry.sha256


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entries(folder: Path, names: Iterable[str] | None = None) -> dict[str, FileEntry]:
    """Return the checksum and size of the files of a folder, by relative path.

    Args:
        folder: The folder.
        names: Relative paths; by default every file below the folder but the manifest.
    """
    if names is None:
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        ours = (MANIFEST, ATTEMPT)
        names = [path.relative_to(folder).as_posix() for path in found if path.name not in ours]
    return {
        name: FileEntry(sha256_of(folder / name), (folder / name).stat().st_size) for name in names
    }


def content_hash(path: Path) -> str:
    """Return a hash of an input, a file's or a folder's.

    A folder with a manifest is known by it and by what was changed since; any other by the names,
    sizes and times of its files, since reading a data set of gigabytes to name it would cost more
    than most stages.
    """
    if path.is_file():
        return sha256_of(path)
    if (path / MANIFEST).is_file():
        return _content_hash_by_manifest(path)
    return _listing_hash(_files(path))


def _content_hash_by_manifest(folder: Path) -> str:
    known = sha256_of(folder / MANIFEST)
    try:
        manifest = Manifest.read(folder)
    except StoreError:  # another program's manifest.json
        return _listing_hash(_files(folder))
    if not manifest.files:
        return known
    there = {name for name, found in _walk(folder) if found.is_file()}
    missing = [name for name in manifest.files if name not in there]
    changed = manifest.changed(folder)
    if not missing and not changed:
        return known
    return _listing_hash(
        ((name, (folder / name).stat()) for name in changed if name in there), known, *missing
    )


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a folder, sorted by relative path; of all of them only names are held.

    What a link leads to counts as a file; into a linked folder it is not gone.
    """
    waiting = [""]
    while waiting:
        name = waiting.pop()
        path = f"{folder}/{name}"
        try:
            if name and not name.endswith("/"):
                if stat.S_ISREG((status := os.stat(path)).st_mode):  # noqa: PTH116  slower by Path
                    yield name, status
                continue
            with os.scandir(path) as found:
                inner = [f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name for e in found]
        except OSError:
            continue  # what cannot be read is missed by whoever reads it
        waiting += (f"{name}{each}" for each in sorted(inner, reverse=True))


def _listing_hash(files: Iterable[tuple[str, os.stat_result]], *known: str) -> str:
    """Return a hash of names, sizes and times, after those of `known`."""
    digest = hashlib.sha256()
    lines = (f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in files)
    for line in chain(known, lines):
        digest.update(f"{line}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def now() -> str:
    """Return the UTC time in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def remove_halves(folder: Path, names: Iterable[str]) -> None:
    """Remove what processes that were killed while they wrote these files left of them."""
    for name in names:
        for path in folder.glob(f".*{Path(name).stem}.*"):
            path.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all; its folder is made where it is missing.

    Args:
        path: The file.
        content: What it will hold.
        durable: Wait until it is on the disk; not worth it for thousands of small files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
