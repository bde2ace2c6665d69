import numpy as np
import pytest

from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError

POINTS = "0.5 0.5 1 " * 13


def label(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"0 320 240 64 48 {POINTS}", r"box \(320, 240, 64, 48\) is not in \[0, 1\]"),
        (f"0 0.5 0.5 -0.1 0.1 {POINTS}", "box"),
        (f"0 0.5 0.5 0.1 1e300 {POINTS}", "box"),
        ("0 0.5 0.5 0.1 0.1 " + "320 240 2 " * 13, r"keypoint 1 at \(320, 240\) is not in"),
        ("0 0.5 0.5 0.1 0.1 " + "0.5 0.5 1 " * 12 + "0.5 -50 1", "keypoint 13"),
        (f"3 0.5 0.5 0.1 0.1 {POINTS}", "class 3"),
        (f"person 0.5 0.5 0.1 0.1 {POINTS}", "not a line of numbers"),
        ("0 0.5 0.5 0.1 0.1 " + "0.5 nan 1 " * 13, "not finite"),
        ("0 0.5 0.5 0.1 0.1 " + "0.5 0.5 " * 13, "31 numbers"),
        ("0 0.5 0.5 0.1 0.1", "5 numbers, that is no keypoints"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a text file"),
        (f"0 0.5 0.5 0.1 0.1 {POINTS}".encode("utf-16"), "not a text file"),
        (b"\0" * 64, "not a line of numbers"),
    ],
)
def test_a_wrong_line_is_reported_with_its_place(tmp_path, content, said):
    with pytest.raises(DataError, match=said) as caught:
        read_label(label(tmp_path, content), 13)
    assert "a.txt" in caught.value.message
    assert caught.value.remedy


def test_what_editors_leave_in_a_file_is_read(tmp_path):
    line = f"0 0.5 0.5 0.1 0.1 {POINTS}"
    poses = read_label(label(tmp_path, f"\ufeff{line}\r\n\r\n{line}\r\n"), 13)
    assert len(poses) == 2


def test_a_confidence_counts_from_one_half(tmp_path):
    points = "0.2 0.3 0.49 0.2 0.3 0.5 0.2 0.3 0.93 0.2 0.3 2 7e300 -9 0 " + "0 0 0 " * 8
    found = read_label(label(tmp_path, f"0 0.5 0.5 0.1 0.1 {points}"), 13).keypoints[0]
    assert found[:5, 2].tolist() == [0, 1, 1, 1, 0]
    np.testing.assert_array_equal(found[4], 0)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp", ".bmp", ".tif"])
def test_pictures_of_other_formats_belong_to_a_set(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"")
    label(tmp_path, "")
    assert [s.image.name for s in list_samples(tmp_path)] == [f"a{suffix}"]
