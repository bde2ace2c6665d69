"""From a picture file to pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg

from poseline.config.preprocessing import ColorMode
from poseline.errors import DataError

CHANNELS: dict[ColorMode, int] = {"grayscale": 1, "rgb": 3, "rgba": 4}
"""Channels of each colour mode."""

_JPEG = {"grayscale": "GRAY", "rgb": "RGB", "rgba": "RGBA"}
_OTHER = {
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "rgb": cv2.IMREAD_COLOR_RGB,
    "rgba": cv2.IMREAD_COLOR_RGB,
}


def read_picture(path: Path, color_mode: ColorMode) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Read a picture file.

    Args:
        path: A JPEG; other formats that OpenCV knows are read, too.
        color_mode: Channels to return.

    Returns:
        Pixels (H, W, C), as they are stored: an EXIF rotation is not applied, since labels refer
        to the stored pixels.

    Raises:
        DataError: There is no such file, or it is no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    try:
        if simplejpeg.is_jpeg(data):
            image: np.ndarray[Any, Any] = simplejpeg.decode_jpeg(data, _JPEG[color_mode])
            return image
        buffer = np.frombuffer(data, np.uint8)
        other = cv2.imdecode(buffer, _OTHER[color_mode] | cv2.IMREAD_IGNORE_ORIENTATION)
    except (ValueError, cv2.error) as error:
        raise DataError(f"{path} is damaged: {error}", "replace or remove it") from None
    if other is None:
        raise DataError(f"{path} is not a picture", "replace or remove it")
    image = np.atleast_3d(other)
    if color_mode == "rgba":
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    return image
