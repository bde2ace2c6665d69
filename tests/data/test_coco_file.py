"""Annotation files piece by piece: the same as read at once, in memory that does not grow."""

import json
import tracemalloc

import pytest

from poseline.data import coco_file
from poseline.data.coco import read_annotations
from poseline.data.coco_file import UnstreamableError, streamed, whole

DATA = {
    "info": {"year": 2017, "images": [1, 2]},
    "images": [{"id": 1, "file_name": 'ä \\ "x" 🦩.jpg'}, {"id": 22, "width": 1.5e3}],
    "licenses": [],
    "annotations": [{"image_id": 1, "keypoints": [12.25, -3, 2] * 17}, None, 1234567, "a]}"],
    "categories": [{"id": 1, "keypoints": ["nose"]}],
}


def written(tmp_path, text):
    path = tmp_path / "set.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@pytest.mark.parametrize("style", [{}, {"indent": 2, "ensure_ascii": False}])
def test_pieces_of_any_size_make_what_the_whole_makes(tmp_path, monkeypatch, chunk, style):
    monkeypatch.setattr(coco_file, "_CHUNK", chunk)
    path = written(tmp_path, json.dumps(DATA, **style))
    assert list(streamed(path)) == list(whole(path))
    assert len(list(streamed(path))) == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(DATA)[:-1],
        json.dumps(DATA) + "x",
        json.dumps(DATA).replace("}, null", "},, null"),
        json.dumps(DATA).replace('"a]}"]', '"a]}",]'),
        json.dumps(DATA | {"images": {}}),
        '{"images": ' + "[" * 100_000,
    ],
)
def test_what_is_not_read_to_its_end_is_told(tmp_path, text):
    with pytest.raises(UnstreamableError):
        list(streamed(written(tmp_path, text)))


def peak(tmp_path, count):
    person = {"bbox": [1, 2, 30, 40], "keypoints": [12.5, 30.25, 2] * 17, "category_id": 1}
    more = {"segmentation": [[1.5] * 60]}
    data = {
        "images": [{"id": n, "file_name": f"{n:012d}.jpg", "width": 64} for n in range(count)],
        "annotations": [{**person, **more, "image_id": n} for n in range(count)],
    }
    path = written(tmp_path, json.dumps(data))
    del data
    tracemalloc.start()
    try:
        found = read_annotations(path, 17)
        assert len(found.picture(f"{count - 1:012d}.jpg").persons) == 1
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_by_little_more_than_the_names(tmp_path, monkeypatch):
    monkeypatch.setattr(coco_file, "_CHUNK", 1 << 14)
    peak(tmp_path, 50)  # imports
    assert (peak(tmp_path, 250) - peak(tmp_path, 50)) / 200 < 250  # bytes a picture
