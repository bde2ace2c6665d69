from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.errors import StoreError
from poseline.store import exists, fetch, publish
from poseline.store.uri import parse, safe_key


@pytest.mark.parametrize(
    ("uri", "scheme", "bucket", "path"),
    [
        ("/a/b c#d", "file", "", "/a/b c#d"),
        ("C:/models/m.h5", "file", "", "C:/models/m.h5"),
        ("file:///a%20b", "file", "", "/a b"),
        ("s3://bucket", "s3", "bucket", ""),
        ("s3://bucket/a/b#1?.txt", "s3", "bucket", "a/b#1?.txt"),
        ("s3://bucket/sets/", "s3", "bucket", "sets"),
        ("https://host/m.tflite?raw=1", "https", "", "/m.tflite"),
    ],
)
def test_places(uri, scheme, bucket, path):
    place = parse(uri)
    assert (place.scheme, place.bucket, place.path) == (scheme, bucket, path)


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://host/a",
        "s3://",
        "s3://B/x",
        "s3://bucket/a/../../b",
        "s3://bucket/a//b",
        "s3://bucket/a\\b",
        "s3://bucket/a\nb",
        "file://host/a",
        "https://host/a#sha256=12",
    ],
)
def test_what_is_no_place(uri):
    with pytest.raises(StoreError):
        parse(uri)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("./\\\0"), max_size=30))
def test_a_safe_key_stays_below_every_folder(key):
    try:
        safe_key(key, "key")
    except StoreError:
        return
    root = Path("/root/of/all")
    assert (root / key).resolve().is_relative_to(root)


def test_local_places_pass_untouched(tmp_path):
    assert fetch(str(tmp_path)) == tmp_path
    assert fetch(tmp_path.as_uri()) == tmp_path
    assert exists(str(tmp_path))
    assert not exists(str(tmp_path / "a"))


def test_local_folders_appear_whole(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/one.txt").write_text("one")
    publish(tmp_path / "one", str(tmp_path / "out/there"))
    assert [p.name for p in (tmp_path / "out/there").iterdir()] == ["one.txt"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["there"]
    publish(tmp_path / "one/one.txt", (tmp_path / "copy.txt").as_uri())
    assert (tmp_path / "copy.txt").read_text() == "one"
    with pytest.raises(StoreError, match="not there"):
        publish(tmp_path / "three", str(tmp_path / "out"))
    with pytest.raises(StoreError, match="nothing can be put"):
        publish(tmp_path / "one", "https://host/a")
