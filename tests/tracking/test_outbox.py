import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.errors import StoreError
from poseline.tracking.outbox import Address, Entry, Outbox
from poseline.tracking.sink import _stored
from poseline.tracking.tracker import flatten


def entry(value: float) -> Entry:
    return Entry("train", "metrics", 1000, {"loss": value}, 1)


def test_what_is_added_is_pending_until_it_is_marked(tmp_path):
    Outbox(tmp_path).add(entry(0.5))
    outbox = Outbox(tmp_path)
    outbox.add(entry(0.25))
    first, second = outbox.pending()
    assert (first[0], second[0]) == (entry(0.5), entry(0.25))
    outbox.mark(first[1])
    assert [e for e, _ in Outbox(tmp_path).pending()] == [entry(0.25)]
    outbox.mark(second[1])
    assert Outbox(tmp_path).pending() == []


def test_a_torn_line_costs_nothing_but_itself(tmp_path):
    outbox = Outbox(tmp_path)
    outbox.add(entry(1.0))
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"run": "train", "kind": "met')
    assert [e for e, _ in outbox.pending()] == [entry(1.0)]
    outbox.add(entry(2.0))
    assert [e for e, _ in outbox.pending()] == [entry(1.0), entry(2.0)]
    outbox.mark(outbox.pending()[-1][1])
    assert outbox.pending() == []


def test_one_process_delivers_at_a_time(tmp_path):
    with Outbox(tmp_path).delivering() as first, Outbox(tmp_path).delivering() as second:
        assert (first, second) == (True, False)
    with Outbox(tmp_path).delivering() as again:
        assert again


def test_a_damaged_address_is_told(tmp_path):
    outbox = Outbox(tmp_path)
    assert outbox.address is None
    outbox.address = Address("sqlite:///x.db", "people", "abc")
    assert Outbox(tmp_path).address == Address("sqlite:///x.db", "people", "abc")
    (tmp_path / "address.json").write_text("{")
    with pytest.raises(StoreError, match=r"address\.json is damaged"):
        _ = outbox.address


@given(st.floats(allow_nan=False))
def test_a_figure_survives_the_journal(value):
    assert _stored(json.loads(json.dumps(value))) == _stored(value)


def test_settings_are_flattened_lists_of_steps_numbered():
    flat = flatten(
        {
            "training": {"model": {"input_shape": [64, 64, 3]}, "dropout": None},
            "data_augmentation": [{"random_flip": {"mode": "horizontal"}}, {"random_blur": {}}],
            "general": {"deterministic_ops": False},
        }
    )
    assert flat == {
        "training.model.input_shape": [64, 64, 3],
        "data_augmentation.0.random_flip.mode": "horizontal",
        "general.deterministic_ops": False,
    }
