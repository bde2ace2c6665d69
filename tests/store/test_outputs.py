import os
import subprocess
import sys
import time

import pytest

from poseline.errors import StoreError
from poseline.store.manifest import Manifest, content_hash, entries
from poseline.store.outputs import output_folder

KIND = "convert"


def made(out, text="old", kind=KIND, **options):
    with output_folder(out, kind, **options) as work:
        (work / "a").write_text(text)
        Manifest(kind, "", files=entries(work)).write(work)
    return out


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_a_failed_block_leaves_what_was_there(tmp_path):
    out = made(tmp_path / "out")
    with pytest.raises(RuntimeError), output_folder(out, KIND) as work:
        (work / "a").write_text("new")
        raise RuntimeError
    assert (out / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_block_leaves_no_folder_above_either(tmp_path):
    with pytest.raises(RuntimeError), output_folder(tmp_path / "x/y/out", KIND):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_an_interrupted_block_goes_on_with_the_same_key_alone(tmp_path):
    out = tmp_path / "out"
    for key, expected in (("k", []), ("k", ["a"]), ("other", [])):
        with pytest.raises(KeyboardInterrupt), output_folder(out, KIND, resume_key=key) as work:
            found = sorted(p.name for p in work.iterdir() if not p.name.startswith("."))
            assert found == expected
            (work / "a").write_text("part")
            raise KeyboardInterrupt
    assert not out.exists()


def test_what_is_ours_is_replaced_and_an_empty_folder_is_used(tmp_path):
    (tmp_path / "out").mkdir()
    made(tmp_path / "out")
    made(tmp_path / "out", "new")
    assert (tmp_path / "out/a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def stranger(folder):
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")


def with_another_manifest(folder):
    stranger(folder)
    (folder / "manifest.json").write_text('{"name": "app", "icons": []}')


def of_another_kind(folder):
    made(folder, kind="train")


def with_a_file_added(folder):
    made(folder)
    (folder / "notes.txt").write_text("mine")


def with_a_folder_linked(folder):
    made(folder)
    (folder / "link").symlink_to(folder.parent)


def with_a_file_changed(folder):
    made(folder)
    time.sleep(0.02)
    (folder / "a").write_text("mod")  # of the same size


def a_file(folder):
    folder.write_text("mine")


def a_pipe(folder):
    os.mkfifo(folder)


def a_link_to_nothing(folder):
    folder.symlink_to(folder.parent / "nowhere")


def a_link_to_a_stranger(folder):
    stranger(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "what",
    [
        stranger,
        with_another_manifest,
        of_another_kind,
        with_a_file_added,
        with_a_folder_linked,
        with_a_file_changed,
        a_file,
        a_pipe,
        a_link_to_nothing,
        a_link_to_a_stranger,
    ],
)
def test_what_is_not_ours_is_refused(tmp_path, what):
    what(tmp_path / "out")
    before = content(tmp_path)
    with pytest.raises(StoreError) as refused:
        made(tmp_path / "out", "new")
    assert refused.value.remedy
    assert str(tmp_path / "out") in refused.value.message
    assert content(tmp_path) == before


def test_overwriting_replaces_what_was_added_to_ours_and_nothing_of_others(tmp_path):
    with_a_file_added(tmp_path / "out")
    with pytest.raises(StoreError, match=r"notes\.txt.*\n.*--overwrite"):
        made(tmp_path / "out", "new", overwrite=False)
    made(tmp_path / "out", "new", overwrite=True)
    assert sorted(content(tmp_path / "out")) == ["a", "manifest.json"]
    stranger(tmp_path / "other")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        made(tmp_path / "other", overwrite=True)


def test_a_link_to_ours_stays_a_link(tmp_path):
    made(tmp_path / "disk")
    (tmp_path / "out").symlink_to("disk")
    made(tmp_path / "out", "new")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk/a").read_text() == "new"


def test_home_and_where_one_is_are_never_replaced(tmp_path, monkeypatch):
    made(tmp_path / "out")
    (tmp_path / "out/sub").mkdir()
    for place in ("out", "out/sub"):
        monkeypatch.chdir(tmp_path / place)
        with pytest.raises(StoreError, match="the folder you are in"):
            made(tmp_path / "out", "new")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "out"))
    with pytest.raises(StoreError, match="your home"):
        made(tmp_path / "out", "new")
    with pytest.raises(StoreError):
        made(tmp_path / "out/../../../../../../..", "new")


@pytest.mark.parametrize(
    "out", ["set", "set/.", "set/../set", "link", "link/sub", ".", "set/deep/er"]
)
def test_a_source_that_overlaps_is_refused(tmp_path, monkeypatch, out):
    made(tmp_path / "set")
    (tmp_path / "set/sub").mkdir()
    (tmp_path / "link").symlink_to("set")
    monkeypatch.chdir("/")
    before = content(tmp_path)
    with pytest.raises(StoreError, match="made from"):
        made(tmp_path / out, "new", sources=[tmp_path / "set"], apart=True)
    assert content(tmp_path) == before


def test_an_input_in_a_folder_of_ours_is_not_replaced(tmp_path):
    made(tmp_path / "out")
    with pytest.raises(StoreError, match="made from"):
        made(tmp_path / "out", "new", sources=[tmp_path / "out/a"])
    made(tmp_path / "out/in", sources=[tmp_path / "out"])  # beside what is read is no loss


def test_a_foreign_working_folder_is_left_alone(tmp_path):
    stranger(tmp_path / ".out.partial")
    with pytest.raises(StoreError, match="in the way"):
        made(tmp_path / "out")
    assert (tmp_path / ".out.partial/thesis.txt").read_text() == "mine"


def test_what_was_between_the_renames_comes_back(tmp_path):
    made(tmp_path / "out").rename(tmp_path / ".out.old")
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", KIND):
        raise RuntimeError
    assert (tmp_path / "out/a").read_text() == "old"


HOLDER = """
import sys, time
from pathlib import Path
from poseline.store.outputs import output_folder
with output_folder(Path(sys.argv[1]), "convert") as work:
    print("holds", flush=True)
    time.sleep(60)
"""


def test_two_at_once_and_a_lock_of_the_dead(tmp_path):
    out = tmp_path / "out"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(out)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "holds\n"
    with pytest.raises(StoreError, match=f"process {holder.pid} on"):
        made(out)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert (tmp_path / ".out.lock").exists()
    made(out)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_two_threads_are_kept_apart(tmp_path):
    with (
        output_folder(tmp_path / "out", KIND),
        pytest.raises(StoreError, match="this one"),
        output_folder(tmp_path / "out", KIND),
    ):
        pass


def test_a_manifest_tells_what_was_changed(tmp_path):
    (tmp_path / "a").write_text("1")
    Manifest("train", "", files=entries(tmp_path)).write(tmp_path)
    Manifest.read(tmp_path).verify(tmp_path)
    before = content_hash(tmp_path)
    time.sleep(0.02)
    (tmp_path / "a").write_text("2")
    assert content_hash(tmp_path) != before
    with pytest.raises(StoreError, match="differs"):
        Manifest.read(tmp_path).verify(tmp_path)
    with pytest.raises(StoreError, match="no manifest"):
        Manifest.read(tmp_path / "nowhere")
