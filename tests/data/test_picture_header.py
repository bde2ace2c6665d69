import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poseline.data.image_reading import read_picture
from poseline.data.picture_header import other_size
from poseline.errors import DataError


def encoded(name: str, size=(24, 16), **settings) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(file, name, **settings)
    return file.getvalue()


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(encoded("JPEG"))
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, height, width)
    return bytes(data)


def patched(content: bytes, place: int, form: str, *values: int) -> bytes:
    data = bytearray(content)
    struct.pack_into(form, data, place, *values)
    return bytes(data)


BOMBS = {
    "png": png_of(60000, 60000),
    "bmp": patched(encoded("BMP"), 18, "<ii", 50000, 50000),
    "pgm": b"P5\n60000 60000\n255\n" + bytes(100),
    "ppm": b"P6\n99999 99999\n255\n",
    "gif": patched(encoded("GIF"), 6, "<HH", 65535, 65535),
    "jpg": jpeg_of(65500, 65500),
    "tiff": encoded("TIFF").replace(
        struct.pack("<HHII", 256, 4, 1, 24), struct.pack("<HHII", 256, 4, 1, 2**31 - 1)
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_more_pixels_than_memory_are_refused_by_the_header(tmp_path, name):
    path = tmp_path / f"a.{name}"
    path.write_bytes(BOMBS[name])
    with pytest.raises(DataError, match=r"pixels; at most 200 million"):
        read_picture(path, "rgb")


@pytest.mark.parametrize("name", ["PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000"])
def test_each_format_is_read(tmp_path, name):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(name))
    assert other_size(path.read_bytes(), path) == (24, 16)
    assert np.abs(read_picture(path, "rgb").astype(int) - 90).max() < 8


@pytest.mark.parametrize(
    "content", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_not_a_picture_is_refused(content):
    with pytest.raises(DataError, match="is not a picture"):
        other_size(content, Path("a.png"))
