import os
import time

import pytest

from poseline import store
from poseline.errors import StoreError
from poseline.store.fingerprint import NOTHING
from poseline.store.manifest import Manifest, entries, write_atomic
from poseline.store.s3_client import client

OLD = time.time() - 1000


def a_set(folder, *, manifest=False, created="2026-01-01"):
    """Two pictures with labels, all of them old."""
    for name, text in {"a.jpg": "aa", "a.txt": "0 1", "b.jpg": "bb", "b.txt": "0 2"}.items():
        write_atomic(folder / "images" / name, text)
        os.utime(folder / "images" / name, (OLD, OLD))
    if manifest:
        Manifest("pack", "", files=entries(folder), created=created).write(folder)
        os.utime(folder / "manifest.json", (OLD, OLD))
    return folder


def change(path):
    """Another content of the same length."""
    path.write_text(path.read_text().replace("1", "7"))


def add(path):
    (path.parent / "c.jpg").write_text("cc")


def remove(path):
    path.unlink()


@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "listing"])
@pytest.mark.parametrize("alter", [change, add, remove])
@pytest.mark.parametrize("where", ["folder", "s3"])
def test_it_changes_with_the_content_alone(tmp_path, storage, where, manifest, alter):
    folder = a_set(tmp_path / "people", manifest=manifest)
    uri = str(folder) if where == "folder" else f"s3://{storage}/{tmp_path.name}/people"
    s3 = client() if where == "s3" else None

    def put(changed=None):
        if where == "folder":
            return
        if changed is None:
            store.publish(folder, uri, progress=False)
        elif changed.exists() or alter is add:
            time.sleep(1.1 if manifest else 0)  # S3 tells the times in whole seconds
            for path in folder.rglob("images/*.*"):
                if path.stat().st_mtime > OLD + 1:
                    key = f"{tmp_path.name}/people/{path.relative_to(folder)}"
                    s3.put_object(Bucket=storage, Key=key, Body=path.read_bytes())
        else:
            key = f"{tmp_path.name}/people/{changed.relative_to(folder)}"
            s3.delete_object(Bucket=storage, Key=key)

    put()
    before = store.fingerprint(uri)
    assert store.fingerprint(uri) == before
    target = folder / "images" / "a.txt"
    alter(target)
    put(target)
    assert store.fingerprint(uri) != before


def test_the_same_set_with_a_newer_manifest_elsewhere_is_no_change(tmp_path):
    one = a_set(tmp_path / "one", manifest=True)
    other = a_set(tmp_path / "other", manifest=True, created="2026-02-02")
    assert store.fingerprint(str(one)) == store.fingerprint(f"file://{other}")


def test_a_manifest_of_another_program_is_a_file(tmp_path):
    folder = a_set(tmp_path / "people")
    (folder / "manifest.json").write_text("[]")
    before = store.fingerprint(str(folder))
    (folder / "manifest.json").write_text("{}  ")
    assert store.fingerprint(str(folder)) != before


def test_a_set_in_one_file_has_one_too(tmp_path):
    path = tmp_path / "people.tar"
    path.write_text("one")
    before = store.fingerprint(str(path))
    path.write_text("two2")
    assert store.fingerprint(str(path)) != before


def test_nothing_is_told_from_something(tmp_path, storage):
    assert store.fingerprint(str(tmp_path / "none")) == NOTHING
    assert store.fingerprint(f"s3://{storage}/{tmp_path.name}/none") == NOTHING
    with pytest.raises(StoreError, match="bucket does not exist"):
        store.fingerprint("s3://not-there-at-all/none")
    with pytest.raises(StoreError, match="web server"):
        store.fingerprint("https://example.com/people.tar")
