import os
import socket
from pathlib import Path

import pytest

from poseline.data.image_reading import read_picture
from poseline.data.regular_file import read_regular
from poseline.errors import DataError


def special(folder: Path, kind: str) -> Path:
    path = folder / "a.jpg"
    match kind:
        case "FIFO":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as end:
                end.bind(str(path))
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "link to a FIFO":
            os.mkfifo(folder / "pipe")
            path.symlink_to("pipe")
    return path


@pytest.mark.parametrize("kind", ["FIFO", "socket", "folder", "device", "link to a FIFO"])
def test_only_files_are_read(tmp_path, kind):
    with pytest.raises(DataError, match=f"is a {kind.removeprefix('link to a ')}, not a file"):
        read_picture(special(tmp_path, kind), "rgb")


@pytest.mark.parametrize("name", ["none.jpg", "n" * 5000, "nul\0.jpg", "loop"])
def test_what_cannot_be_opened_is_reported_by_a_short_name(tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError) as caught:
        read_picture(tmp_path / name, "rgb")
    assert len(caught.value.message) < 500
    assert caught.value.remedy


def test_a_file_above_the_limit_is_not_read(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2 << 20)
    assert len(read_regular(path, 2 << 20)) == 2 << 20
    with pytest.raises(DataError, match="has 2 MiB; at most 1 MiB"):
        read_regular(path, 1 << 20)
