import json
from types import SimpleNamespace

import pytest

from poseline import store
from poseline.data import set_folder
from poseline.data.shards import samples_of
from poseline.errors import ConfigError, StoreError
from poseline.tasks import entrypoints
from poseline.tasks.conversion_in_parts import convert_part, joined, shares
from poseline.tasks.parameters import Share

GIVEN = {"parts": 3, "pose": "single", "keypoints": 17, "category": ""}


def asked(people, **changes):
    settings = {"dataset": str(people), "output": "s3://poses/people", **GIVEN, **changes}
    return shares(**settings)


def test_each_task_gets_its_share_as_text(people):
    found = asked(people, output="s3://poses/people/")
    assert [share.part for share in found] == ["1/3", "2/3", "3/3"]
    assert {share.place for share in found} == {"s3://poses/people"}
    assert len({share.content for share in found}) == 1
    assert [Share.read(share.text()) for share in found] == found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": ""}, "dataset"),
        ({"output": ""}, "output"),
        ({"output": "people"}, "tasks share no disk"),
        ({"parts": 0}, "1 to 256"),
        ({"parts": 257}, "1 to 256"),
        ({"pose": "both"}, "pose"),
        ({"keypoints": -1}, "keypoints"),
    ],
)
def test_what_is_entered_wrong_is_told_before_any_part(people, change, said):
    with pytest.raises(ConfigError) as error:
        asked(people, **change)
    assert said in str(error.value)


def test_a_set_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        asked(tmp_path / "none")


def test_the_last_task_tells_where_the_set_is_and_what_is_in_it(people, tmp_path):
    place = str(tmp_path / "packed")
    here = [share.model_copy(update={"place": place}) for share in asked(people)]
    counts = [convert_part(share) for share in here[:2]]
    with pytest.raises(StoreError, match="lacks 1 parts: 3/3"):
        joined(here)
    counts.append(convert_part(here[2]))
    dataset = SimpleNamespace(path=str(tmp_path / "dataset"), uri="", metadata={})
    assert entrypoints.join([share.text() for share in here], dataset) == place
    kept = sum(each["train"]["kept"] for each in counts)
    assert dataset.metadata["train_kept"] == kept > 0
    index = json.loads((tmp_path / "packed/train/shards.json").read_text())
    assert index["pictures"] == kept


def test_a_task_fetches_the_pictures_of_its_part_alone(people, storage, tmp_path, monkeypatch):
    uri, fetched = f"s3://{storage}/parts/people", []

    def fetch(name, **options):
        fetched.append(name)
        return store.fetch(name, **options)

    store.publish(people, uri)
    monkeypatch.setattr(set_folder, "store", SimpleNamespace(fetch=fetch))
    monkeypatch.setenv("POSELINE_CACHE", str(tmp_path / "cache"))
    place = str(tmp_path / "packed")
    here = [one.model_copy(update={"place": place}) for one in shares(uri, "s3://a-b/c", **GIVEN)]
    for share in here:
        fetched.clear()
        counts = convert_part(share)
        assert 0 < sum(each["kept"] for each in counts.values()) <= len(fetched) < 16
    joined(here)
    assert len(samples_of(tmp_path / "packed/train")) == 24


def test_a_set_that_changes_between_two_parts_is_told(people, tmp_path):
    (share, *_) = asked(people)
    changed = share.model_copy(update={"content": "0" * 64, "place": str(tmp_path)})
    with pytest.raises(StoreError, match="has changed since the conversion began"):
        convert_part(changed)
