"""What can be known of a picture file without decoding it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TAIL = 64


@dataclass(frozen=True)
class JpegInfo:
    """Size in px of the stored pixels, EXIF orientation 1 to 8, and whether it is a JPEG."""

    width: int
    height: int
    orientation: int = 1
    is_jpeg: bool = True


def probe(path: Path) -> JpegInfo | None:
    """Read a picture's header and check that it is whole; None where it is not.

    A JPEG must have a frame header, and an end marker in its last bytes: a cut-off file has none.
    Other formats are decoded.
    """
    try:
        with path.open("rb") as file:
            head = file.read(65536)
            if head[:2] != b"\xff\xd8":
                return _decoded(path)
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL, 0))
            if b"\xff\xd9" not in file.read():
                return None
            return _header(head) or _header(path.read_bytes())
    except OSError:
        return None


def orientation_baked(path: Path) -> Array:
    """Return the stored pixels (h, w, 3) BGR, without the rotation that EXIF asks for.

    COCO's annotations are given for the stored pixels; writing them without the tag keeps every
    reader from turning the picture away from its labels.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise OSError(f"{path} cannot be decoded")
    return np.asarray(image)


def _decoded(path: Path) -> JpegInfo | None:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if image is None else JpegInfo(image.shape[1], image.shape[0], is_jpeg=False)


def _header(data: bytes) -> JpegInfo | None:
    """Walk the segments up to the frame header."""
    place, orientation = 2, 1
    while place + 9 < len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return JpegInfo(width, height, orientation) if width and height else None
        if marker == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            orientation = _orientation(data[place + 10 : place + 2 + length])
        place += 2 + length
    return None


def _orientation(tiff: bytes) -> int:
    """Return the orientation tag of an EXIF block, 1 where it has none."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack(f"{order}I", tiff[4:8])
        (count,) = struct.unpack(f"{order}H", tiff[start : start + 2])
        for index in range(count):
            entry = tiff[start + 2 + 12 * index : start + 14 + 12 * index]
            if struct.unpack(f"{order}H", entry[:2])[0] == 0x0112:
                value = struct.unpack(f"{order}H", entry[8:10])[0]
                return value if 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1
