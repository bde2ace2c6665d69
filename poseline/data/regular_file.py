"""Reading files of a data set, whose folders may hold anything.

A FIFO would block its reader forever, a device may have no end, and a directory may be named like
a picture; so only regular files are read, up to a size.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from poseline.errors import DataError

LARGEST_PICTURE = 512 << 20
"""Bytes of the largest picture file that is read."""
LARGEST_ANNOTATIONS = 8 << 30
"""Bytes of the largest annotation file of a whole set that is read."""
LARGEST_LABEL = 16 << 20
"""Bytes of the largest label file that is read."""
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
_REMEDY = "replace or remove it"


@contextmanager
def open_regular(path: Path, largest: int = LARGEST_PICTURE) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading.

    Args:
        path: The file; what only reads like a Path (a member of a shard) is opened by itself.
        largest: Most bytes that it may have.

    Yields:
        The open file and its size in bytes.

    Raises:
        DataError: It cannot be opened, is not a regular file, or is larger.
    """
    if not isinstance(path, Path):
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            yield file, size
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        kind = _kind_of(path)
        raise DataError(
            f"{shown(path)} is {kind}, not a file"
            if kind
            else f"{shown(path)} cannot be read: {error.strerror}",
            _REMEDY,
        ) from None
    except ValueError as error:
        raise DataError(f"{shown(path)} is not a file name: {error}", _REMEDY) from None
    try:
        found = os.fstat(descriptor)
        _check(found, path, largest)
    except DataError:
        os.close(descriptor)
        raise
    with FileIO(descriptor) as file:  # no buffer: what is read are headers and whole files
        yield file, found.st_size


def _check(found: os.stat_result, path: Path, largest: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise DataError(f"{shown(path)} is {kind}, not a file", _REMEDY)
    if found.st_size > largest:
        size = f"{found.st_size / 2**20:,.0f} MiB"
        raise DataError(f"{shown(path)} has {size}; at most {largest >> 20} MiB are read", _REMEDY)


def read_regular(path: Path, largest: int = LARGEST_PICTURE) -> bytes:
    """Return the content of a regular file.

    Raises:
        DataError: As `open_regular`, or reading fails half-way.
    """
    with open_regular(path, largest) as (file, size):
        try:
            return file.read() if size else b""
        except OSError as error:
            raise DataError(f"{shown(path)} cannot be read: {error.strerror}", _REMEDY) from None


def _kind_of(path: Path) -> str | None:
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return None


def shown(path: Path) -> str:
    """Return a path as messages show it; a long one is shortened."""
    text = str(path)
    return text if len(text) <= 300 else f"{text[:200]}…{text[-60:]}"
