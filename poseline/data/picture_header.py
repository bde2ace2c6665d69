"""The size of a picture from its header, before anything is made of its pixels.

A file of a kilobyte can ask for gigabytes of pixels. Only formats that are named here are read;
others, such as EPS, would start further programs.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from poseline.data.regular_file import shown
from poseline.errors import DataError

MOST_PIXELS = 200_000_000
"""Pixels of the largest picture that is decoded, as the largest sensors of phones have."""
FORMATS = ("PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
"""Formats besides JPEG, by Pillow's names; PPM stands for PBM, PGM, PPM and PFM."""
_PREFIX = 16  # bytes by which Pillow recognizes a format


def other_size(content: bytes | BinaryIO, path: Path) -> tuple[int, int]:
    """Return width and height in px of a picture that is not a JPEG.

    Args:
        content: The file, or its whole content.
        path: What it is called in messages.

    Raises:
        DataError: It is not a picture of a known format, or it has more than `MOST_PIXELS`.
    """
    from PIL import Image  # most sets are JPEGs throughout

    file = io.BytesIO(content) if isinstance(content, bytes) else content
    Image.init()
    file.seek(0)
    prefix = file.read(_PREFIX)
    for name in FORMATS:
        if name not in Image.OPEN:
            continue
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(prefix) is not True:
            continue
        file.seek(0)
        # Image.open would warn of a large picture, and refuse it by a setting of the whole process.
        try:
            width, height = factory(file, "").size
        except Exception:  # noqa: S112  what its parsers raise is not documented
            continue
        check_pixels(width, height, path)
        return width, height
    raise DataError(
        f"{shown(path)} is not a picture, or it is damaged",
        f"replace or remove it; JPEG, {', '.join(FORMATS)} are read",
    )


def check_pixels(width: int, height: int, path: Path) -> None:
    """Refuse a picture that is empty or too large.

    Raises:
        DataError: It has no pixel, or more than `MOST_PIXELS`.
    """
    if width < 1 or height < 1:
        raise DataError(f"{shown(path)} has {width} x {height} pixels", "replace or remove it")
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{shown(path)} has {width:,} x {height:,} pixels; at most "
            f"{MOST_PIXELS / 1e6:.0f} million are read",
            "make it smaller, or remove it",
        )
