"""From a picture file to pixels.

Pictures are decoded whole by libjpeg-turbo with its accurate DCT and smooth chroma, to the values
that TensorFlow's decoder gives with `INTEGER_ACCURATE`. Cheaper ways were measured on COCO
pictures and are not taken, since they change the result: the fast DCT by up to 19 of 255 levels
for a gain below 5 %; decoding at a half, which libjpeg does by leaving frequencies out, by 2.4
levels on average (a hundredth of the values by 27 and more) after averaging by area, and by 4 to 7
after every other interpolation, none of which smooths before it samples.

One reduction does not change it: where each input pixel averages whole 8×8 blocks, the first
coefficient of a block is its mean already (`read_reduced`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from poseline.config.models.preprocessing import ColorMode
from poseline.data.picture_header import check_pixels, other_size
from poseline.data.regular_file import read_regular, shown
from poseline.errors import DataError

CHANNELS: dict[ColorMode, int] = {"grayscale": 1, "rgb": 3, "rgba": 4}
"""Channels of each colour mode."""

_BLOCK = 8
_JPEG = {"grayscale": "GRAY", "rgb": "RGB", "rgba": "RGBA"}
_OTHER = {
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "rgb": cv2.IMREAD_COLOR_RGB,
    "rgba": cv2.IMREAD_COLOR_RGB,
}


def read_picture(path: Path, color_mode: ColorMode) -> NDArray[np.uint8]:
    """Read a picture file.

    Args:
        path: A JPEG; other formats that OpenCV knows are read, too.
        color_mode: Channels to return. The grey values of a JPEG are its own luma.

    Returns:
        Pixels (H, W, C), as they are stored: an EXIF rotation is not applied, since labels refer
        to the stored pixels.

    Raises:
        DataError: The file does not exist, is not a picture, damaged or too large.
    """
    return read_reduced(path, color_mode, None)[0]


def read_reduced(
    path: Path, color_mode: ColorMode, averaged: tuple[int, int] | None
) -> tuple[NDArray[np.uint8], int]:
    """Read a picture file, as the means of its 8×8 blocks where these are all that is needed.

    That is where the picture is to be averaged by area to a size of which its own is a multiple
    of 8, and its colours are stored at full resolution (the reduced chroma of 4:2:0 is smoothed
    in decoding, which a block's mean misses by up to 7 levels). The result then differs by 0.3
    levels on average, 1 at 99 % of the values, and takes half of the time.

    Args:
        path: As `read_picture`.
        color_mode: As `read_picture`.
        averaged: Height and width that the picture is to be averaged to; None: the whole picture.

    Returns:
        Pixels (H, W, C), and how many pixels of the file's width and height each stands for: 1
        or 8.

    Raises:
        DataError: As `read_picture`.
    """
    data = read_regular(path)
    try:
        if data.startswith(b"\xff\xd8"):
            return _decode(data, color_mode, averaged, path)
        other_size(data, path)
        buffer = np.frombuffer(data, np.uint8)
        other = cv2.imdecode(buffer, _OTHER[color_mode] | cv2.IMREAD_IGNORE_ORIENTATION)
    except (ValueError, MemoryError, cv2.error) as error:
        reason = str(error).strip().splitlines()
        raise DataError(
            f"{shown(path)} is damaged: {reason[-1] if reason else 'it cannot be decoded'}",
            "replace or remove it",
        ) from None
    if other is None:
        raise DataError(f"{shown(path)} is damaged: it cannot be decoded", "replace or remove it")
    image = np.atleast_3d(np.asarray(other, np.uint8))
    if color_mode == "rgba":
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    return image, 1


def _decode(
    data: bytes, color_mode: ColorMode, averaged: tuple[int, int] | None, path: Path
) -> tuple[NDArray[np.uint8], int]:
    height, width, _, sampling = simplejpeg.decode_jpeg_header(data)
    check_pixels(width, height, path)
    options: dict[str, Any] = {"colorspace": _JPEG[color_mode]}
    factor = 1
    if averaged is not None:
        whole = height % (_BLOCK * averaged[0]) == 0 and width % (_BLOCK * averaged[1]) == 0
        if whole and (color_mode == "grayscale" or sampling in ("444", "Gray")):
            factor = _BLOCK
            options |= {"min_height": height // _BLOCK, "min_width": width // _BLOCK}
    return np.asarray(simplejpeg.decode_jpeg(data, **options), np.uint8), factor
