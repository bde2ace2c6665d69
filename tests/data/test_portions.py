import json
import shutil

import pytest

from poseline.cli.app import main
from poseline.data.pack import pack
from poseline.data.portions import Portion, join
from poseline.data.shards import ShardedSamples
from poseline.errors import ConfigError, StoreError


def command(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["dataset", *map(str, arguments)])
    return end.value.code


def convert(people, out, *more):
    return command("convert", "--path", people, "--outputdir", out, *more)


def read(folder):
    """Return the name, picture and label of every sample, in order."""
    samples = ShardedSamples(str(folder))
    found = [
        (str(s.image.relative_to("")), s.image.read_bytes(), s.label.read_bytes()) for s in samples
    ]
    samples.close()
    return found


@pytest.fixture(scope="module")
def whole(people, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert convert(people, folder / "set") == 0
    for split in ("train", "val"):
        pack(folder / "set/single/17kpts" / split, folder / split)
    return folder


@pytest.mark.parametrize("count", [1, 3, 20])
def test_parts_make_what_one_makes(people, whole, tmp_path, capsys, count):
    """20 are more than there are pictures of val: some parts have none."""
    for number in range(count, 0, -1):
        assert convert(people, tmp_path, "--parts", f"{number}/{count}") == 0
    capsys.readouterr()
    place = tmp_path / "single/17kpts"
    assert command("join", place) == 0
    said = capsys.readouterr().out
    summary = json.loads((whole / "set/single/17kpts/manifest.json").read_text())["summary"]
    for split in ("train", "val"):
        assert read(place / split) == read(whole / split)
        assert f"{summary['counts'][split]['kept']:,}" in said
        counted = {k: v for k, v in summary["counts"][split].items() if v or k == "kept"}
        assert {k: v for k, v in join(str(place))[split].items() if v or k == "kept"} == counted


def test_a_part_that_died_is_made_again_alone(people, whole, tmp_path):
    place = tmp_path / "single/17kpts"
    for number in (1, 2):
        assert convert(people, tmp_path, "--parts", f"{number}/2") == 0
    (place / "train/part-2-of-2.json").unlink()  # it is written last
    with pytest.raises(StoreError, match="lacks 1 parts: 2/2") as error:
        join(str(place))
    assert "--parts 2/2" in error.value.remedy
    assert convert(people, tmp_path, "--parts", "2/2") == 0
    join(str(place))
    assert read(place / "train") == read(whole / "train")


def test_parts_of_different_sets_are_not_joined(people, tmp_path):
    assert convert(people, tmp_path, "--parts", "1/2") == 0
    assert convert(people, tmp_path, "--parts", "2/2", "--min-size", "0.01") == 0
    with pytest.raises(StoreError, match="made from different sets or settings"):
        join(str(tmp_path / "single/17kpts"))


def test_parts_of_different_numbers_are_not_joined(people, tmp_path):
    assert convert(people, tmp_path, "--parts", "1/1") == 0
    assert convert(people, tmp_path, "--parts", "2/2") == 0
    with pytest.raises(StoreError, match="holds parts of 1, 2"):
        join(str(tmp_path / "single/17kpts"))


def test_what_is_no_part_is_told(people, tmp_path):
    place = tmp_path / "single/17kpts"
    assert convert(people, tmp_path, "--parts", "1/1") == 0
    record = place / "train/part-1-of-1.json"
    record.write_text("{}")
    with pytest.raises(StoreError, match="is not a record of a part"):
        join(str(place))
    shutil.rmtree(place)
    place.mkdir()
    (place / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds no parts"):
        join(str(place))


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "-1/2", "1/2/3", "a/b", "", "1/100000"])
def test_a_part_is_written_as_i_of_n(text):
    with pytest.raises(ConfigError, match="i/n with 1 <= i <= n"):
        Portion.read(text)


@pytest.mark.parametrize("size", [0, 1, 7, 100])
@pytest.mark.parametrize("of", [1, 3, 8])
def test_the_parts_in_order_are_the_whole(size, of):
    whole = list(range(size))
    assert [x for n in range(1, of + 1) for x in Portion(n, of).cut(whole)] == whole
