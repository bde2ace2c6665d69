import pytest

from poseline import store
from poseline.errors import StoreError
from poseline.store.manifest import Manifest, entries
from poseline.store.outputs import output_folder


def made(folder, text="a"):
    with output_folder(folder, "convert") as work:
        work.mkdir(exist_ok=True)
        (work / "a.txt").write_text(text)
        Manifest("convert", "", files=entries(work)).write(work)
    return folder


def test_a_folder_of_ours_is_replaced_by_its_like(tmp_path):
    out = tmp_path / "out"
    store.publish(made(tmp_path / "one"), str(out))
    store.publish(made(tmp_path / "two", "b"), out.as_uri())
    assert (out / "a.txt").read_text() == "b"


@pytest.mark.parametrize("name", ["mine.txt", "a.txt", "sub/mine.txt"])
def test_a_folder_of_the_user_is_not(tmp_path, name):
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    with pytest.raises(StoreError, match="poseline did not make it"):
        store.publish(made(tmp_path / "one"), str(tmp_path / "out"))
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "b.txt").write_text("b")
    with pytest.raises(StoreError, match="poseline did not make it"):
        store.publish(plain, str(tmp_path / "out"))
    assert theirs.read_text() == "mine" and len(list((tmp_path / "out").rglob("*.txt"))) == 1


def test_one_within_the_other_is_refused(tmp_path):
    one = made(tmp_path / "one")
    for target in (one / "within", tmp_path):
        with pytest.raises(StoreError):
            store.publish(one, str(target))
    assert sorted(path.name for path in one.iterdir()) == ["a.txt", "manifest.json"]


def test_a_file_takes_the_place_of_a_file_alone(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("1")
    store.publish(file, str(tmp_path / "made/b.json"))
    assert (tmp_path / "made/b.json").read_text() == "1"
    with pytest.raises(StoreError, match="not a file"):
        store.publish(file, str(tmp_path / "made"))
