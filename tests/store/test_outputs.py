import pytest

from poseline.errors import StoreError
from poseline.store.manifest import Manifest, entries
from poseline.store.outputs import output_folder


def test_a_failed_block_leaves_what_was_there(tmp_path):
    out = tmp_path / "out"
    with output_folder(out) as work:
        (work / "a").write_text("old")
    with pytest.raises(RuntimeError), output_folder(out) as work:
        (work / "a").write_text("new")
        raise RuntimeError
    assert (out / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_block_goes_on_with_the_same_key_alone(tmp_path):
    out = tmp_path / "out"
    for key, expected in (("k", []), ("k", ["a"]), ("other", [])):
        with pytest.raises(KeyboardInterrupt), output_folder(out, resume_key=key) as work:
            found = sorted(p.name for p in work.iterdir() if not p.name.startswith("."))
            assert found == expected
            (work / "a").write_text("part")
            raise KeyboardInterrupt
    assert not out.exists()


def test_a_manifest_tells_what_was_changed(tmp_path):
    (tmp_path / "a").write_text("1")
    Manifest("train", "", files=entries(tmp_path)).write(tmp_path)
    Manifest.read(tmp_path).verify(tmp_path)
    (tmp_path / "a").write_text("2")
    with pytest.raises(StoreError, match="differs"):
        Manifest.read(tmp_path).verify(tmp_path)
    with pytest.raises(StoreError, match="no manifest"):
        Manifest.read(tmp_path / "nowhere")
