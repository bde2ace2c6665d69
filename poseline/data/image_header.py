"""What can be known of a picture file without decoding it, from a JPEG without any library."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from poseline.data.picture_header import check_pixels, other_size
from poseline.data.regular_file import open_regular, shown
from poseline.errors import DataError

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_APP1 = 0xE1
_END = b"\xff\xd9"
_SCAN = 0xDA
_HEAD, _TAIL = 4096, 64


@dataclass(frozen=True)
class JpegInfo:
    """Size in px of the stored pixels, EXIF orientation 1 to 8, and whether it is a JPEG."""

    width: int
    height: int
    orientation: int = 1
    is_jpeg: bool = True


def probe(path: Path) -> JpegInfo:
    """Read the header of a picture's file, and check that it is whole, from its two ends alone.

    Raises:
        DataError: As `info_of`, or the file does not exist.
    """
    with open_regular(path) as (file, size):
        head = file.read(_HEAD)
        if not _is_jpeg(head):
            return JpegInfo(*other_size(file, path), is_jpeg=False)
        if size > len(head) and (info := _header(head)):
            file.seek(size - _TAIL)
            if _END in file.read():
                check_pixels(info.width, info.height, path)
                return info
        file.seek(0)
        return info_of(file.read(), path)


def info_of(content: bytes, path: Path) -> JpegInfo:
    """Read a picture's header and check that it is whole, without decoding it.

    A JPEG must have a frame header and an end marker: a cut-off file has none. What follows the
    marker, as phones write it, does no harm. Of other formats the header is read.

    Args:
        content: The picture.
        path: What it is called in messages.

    Raises:
        DataError: It is not a picture, it is cut off, or it has too many pixels.
    """
    if not _is_jpeg(content):
        return JpegInfo(*other_size(content, path), is_jpeg=False)
    info = _header(content)
    if info is None or not _ends(content):
        raise DataError(f"{shown(path)} is cut off", "replace or remove it")
    check_pixels(info.width, info.height, path)
    return info


def _is_jpeg(content: bytes) -> bool:
    return content.startswith(b"\xff\xd8")


def _ends(content: bytes) -> bool:
    return _END in content[-_TAIL:] or content.find(_END, _start_of_scan(content)) >= 0


def without_orientation(content: bytes) -> bytes:
    """Return a JPEG with its orientation tag set to 1; every other byte is the same."""
    data = bytearray(content)
    if tag := _orientation_tag(data):
        struct.pack_into(f"{tag[0]}H", data, tag[1], 1)
    return bytes(data)


def _segments(data: bytes | bytearray) -> Iterator[int]:
    """Yield where each segment with a length starts, up to the frame header."""
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            place += 1 if marker == 0xFF else 2
            continue
        yield place
        if marker in _FRAMES:
            return
        place += 2 + int(struct.unpack_from(">H", data, place + 2)[0])


def _start_of_scan(data: bytes) -> int:
    """Return where the pixels begin; a thumbnail before has an end marker of its own."""
    place = max(_segments(data), default=len(data))
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _SCAN:
        place += 2 + int(struct.unpack_from(">H", data, place + 2)[0])
    return place


def _header(data: bytes) -> JpegInfo | None:
    """Read the size and the orientation from the segments; None where no frame header comes."""
    for place in _segments(data):
        if data[place + 1] in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            tag = _orientation_tag(data)
            turn = int(struct.unpack_from(f"{tag[0]}H", data, tag[1])[0]) if tag else 1
            known = turn if 1 <= turn <= 8 else 1
            return JpegInfo(width, height, known) if width and height else None
    return None


def _orientation_tag(data: bytes | bytearray) -> tuple[str, int] | None:
    """Return the byte order and the place of the value of EXIF's orientation; None without one."""
    for place in _segments(data):
        if data[place + 1] == _APP1 and data[place + 4 : place + 10] == b"Exif\0\0":
            begin, end = place + 10, place + 2 + struct.unpack_from(">H", data, place + 2)[0]
            if tag := _tag(bytes(data[begin:end])):
                return tag[0], begin + tag[1]
    return None


def _tag(tiff: bytes) -> tuple[str, int] | None:
    """Return the byte order of an EXIF block, and where in it the orientation's value is."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", tiff, entry)[0] == 0x0112:
                struct.unpack_from(f"{order}H", tiff, entry + 8)
                return order, entry + 8
    except (KeyError, struct.error):
        pass
    return None
