"""The files of a converted set: pictures and labels are written, and known by their checksums."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from poseline.data.image_header import JpegInfo, without_orientation
from poseline.store.manifest import FileEntry

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class DamagedError(Exception):
    """The picture cannot be decoded."""


class UnwritableError(Exception):
    """A file cannot be written; the text says why."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.strerror or error)
        self.path = path


def place(
    file: BinaryIO,
    content: bytes,
    target: Path,
    info: JpegInfo,
    *,
    turned: bool,
    there: int | None = None,
) -> FileEntry:
    """Put a picture beside its label, without a tag by which a reader would turn it.

    A JPEG is copied; its pixels are written anew only where they are to be turned. It is not
    a link, since a program that edits a picture in place would change the set, too.

    Args:
        file: The open picture.
        content: What is in it.
        target: The file to write.
        info: What its header says.
        turned: Turn the pixels as EXIF asks for.
        there: Bytes that an earlier attempt has written of it: all of them are left as they are.

    Raises:
        DamagedError: It is to be decoded, and cannot be.
        UnwritableError: It cannot be written.
    """
    if turned or not info.is_jpeg:
        return _made(content, target, upright=turned)
    if info.orientation > 1:
        return write(target, without_orientation(content))
    if there != len(content):
        _copy(file, content, target)
    return _entry(content)


def stored(content: bytes, info: JpegInfo, *, turned: bool) -> bytes:
    """Return what `place` would write.

    Raises:
        DamagedError: It is to be decoded, and cannot be.
    """
    if turned or not info.is_jpeg:
        return _jpeg(content, upright=turned)
    return without_orientation(content) if info.orientation > 1 else content


def write(path: Path, content: bytes) -> FileEntry:
    """Write a file; what an attempt that was ended left of it is written again.

    Raises:
        UnwritableError: It cannot be written.
    """
    try:
        made = os.open(path, _NEW, 0o666)
        try:
            _write_all(made, memoryview(content))
        finally:
            os.close(made)
    except OSError as error:
        raise UnwritableError(path, error) from None
    return _entry(content)


def check_pixels(content: bytes) -> None:
    """Refuse a JPEG with damage within it.

    Raises:
        DamagedError: It cannot be decoded to its end.
    """
    from poseline.data.reencoding import decodes

    if not decodes(content):
        raise DamagedError


def _made(content: bytes, target: Path, *, upright: bool) -> FileEntry:
    """Write a picture as a JPEG, which gets its name when it is whole."""
    if target.exists():
        return _entry(target.read_bytes())
    part = target.with_name(f".{target.name}")
    entry = write(part, _jpeg(content, upright=upright))
    part.replace(target)
    return entry


def _jpeg(content: bytes, *, upright: bool) -> bytes:
    from poseline.data.reencoding import UndecodableError, as_jpeg

    try:
        return as_jpeg(content, upright=upright)
    except UndecodableError:
        raise DamagedError from None


def _copy(file: BinaryIO, content: bytes, target: Path) -> None:
    """Copy an open file; the system shares its blocks where the file system can do that."""
    try:
        made = os.open(target, _NEW, 0o666)
        try:
            try:
                copied = os.copy_file_range(file.fileno(), made, len(content), 0)
            except (AttributeError, OSError):  # not on this system, or to another file system
                copied = 0
            _write_all(made, memoryview(content)[copied:])
        finally:
            os.close(made)
    except OSError as error:
        raise UnwritableError(target, error) from None


def _write_all(file: int, content: memoryview) -> None:
    while content:
        content = content[os.write(file, content) :]


def _entry(content: bytes) -> FileEntry:
    return FileEntry(hashlib.sha256(content).hexdigest(), len(content))
