import pytest

from poseline.errors import ConfigError
from poseline.operator.api.kinds import DECLARED_LABEL
from poseline.operator.schedules import declared

NIGHTLY = {"schedule": "0 3 * * *", "experimentTemplate": {"spec": {"chain": "tqe"}}}


def schedule(name, spec, labels=None):
    metadata = {"name": name, "namespace": "vision", "resourceVersion": "7"}
    return {"metadata": {**metadata, **({"labels": labels} if labels else {})}, "spec": spec}


def ours(name, spec):
    return schedule(name, spec, {DECLARED_LABEL: "true"})


def verbs(wanted, present):
    return {c.name: c.verb for c in declared.changes(wanted, present, "vision")}


def test_what_is_declared_is_made_and_what_no_longer_is_goes():
    present = [ours("weekly", NIGHTLY), schedule("mine", NIGHTLY)]
    assert verbs({"nightly": NIGHTLY}, present) == {"nightly": "create", "weekly": "delete"}


def test_defaults_of_the_api_server_are_no_change():
    there = {**NIGHTLY, "suspend": False, "experimentTemplate": {"spec": {"chain": "tqe", "x": 1}}}
    assert verbs({"nightly": NIGHTLY}, [ours("nightly", there)]) == {}
    assert verbs({"nightly": {**NIGHTLY, "suspend": True}}, [ours("nightly", there)]) == {
        "nightly": "replace"
    }


def test_a_change_keeps_the_object_and_its_version():
    (change,) = declared.changes(
        {"nightly": {**NIGHTLY, "schedule": "0 4 * * *"}}, [ours("nightly", NIGHTLY)], "vision"
    )
    assert change.body["metadata"]["resourceVersion"] == "7"
    assert change.body["spec"]["schedule"] == "0 4 * * *"


def test_a_schedule_of_somebody_else_is_left():
    assert verbs({"mine": NIGHTLY}, [schedule("mine", {})]) == {"mine": "leave"}
    assert verbs({}, [schedule("mine", {})]) == {}


@pytest.mark.parametrize("text", ["a: 1", "- {name: x}", "- 1", "[", "{"])
def test_a_file_of_something_else_is_told(tmp_path, text):
    (tmp_path / "schedules.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"schedules\.yaml"):
        declared.read(tmp_path / "schedules.yaml")


def test_no_schedules_are_none(tmp_path):
    (tmp_path / "schedules.yaml").write_text("[]\n")
    assert declared.read(tmp_path / "schedules.yaml") == {}
    with pytest.raises(ConfigError, match="missing"):
        declared.read(tmp_path / "missing.yaml")
