"""What a conversion needs the pixels of a picture for: to find damage, to turn it, to make a JPEG.

OpenCV is imported here, since most sets need none of it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import simplejpeg

Array = np.ndarray[Any, Any]
_QUALITY = 95


class UndecodableError(Exception):
    """The pixels of a picture cannot be read."""


def as_jpeg(content: bytes, *, upright: bool) -> bytes:
    """Write the pixels of a picture as a JPEG.

    Args:
        content: The file, in any format.
        upright: As a viewer shows them, turned as EXIF asks for; else as they are stored.

    Raises:
        UndecodableError: The picture cannot be decoded.
    """
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise UndecodableError
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not ok:
        raise UndecodableError
    return bytes(data)


def decodes(content: bytes) -> bool:
    """Return whether a JPEG's data can be read from its first to its last block.

    All of it is parsed, and drawn at an eighth of its size, which takes two thirds of the time.
    """
    try:
        simplejpeg.decode_jpeg(content, colorspace="GRAY", min_height=1, min_width=1)
    except ValueError:
        return False
    return True
