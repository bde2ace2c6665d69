"""Schedules that watch their data set, on real files and a real S3."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import yaml
from support.api_server import NAMESPACE
from support.samples import ROOT

from poseline import store
from poseline.api_server import ConflictError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.operator.api.kinds import DATASET_ANNOTATION, SLOT_ANNOTATION
from poseline.operator.permission import Permission
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.schedules.reconciler import ScheduleReconciler

KIND, CHILDREN = "poseschedules", "poseexperiments"
EXAMPLE = yaml.safe_load((ROOT / "examples/kubernetes/minimal_schedule.yaml").read_text())
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def change(minutes):
    """Name of the experiment of a change that was seen first so many minutes after noon."""
    return f"people-{int(NOON.timestamp()) + 60 * minutes}"


@pytest.fixture
def world(api, clock, tmp_path, monkeypatch):
    """The schedule `people`, which watches a folder; made at noon, not looked at yet."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    clock.moment = NOON
    pictures = tmp_path / "data" / "people"
    pictures.mkdir(parents=True)
    (pictures / "a.jpg").write_text("a")
    allow = AllowList.model_validate({"endpoints": ["https://elsewhere.example"]})

    def operator(platform=Platform(), folder=tmp_path / "data"):  # noqa: B008  frozen
        return ScheduleReconciler(Cluster(), lambda: True, Permission(platform, allow), folder)

    def apply(path=str(pictures), platform=None, **spec):
        body = yaml.safe_load(yaml.safe_dump(EXAMPLE)) | {"metadata": {"name": "people"}}
        template = body["spec"]["experimentTemplate"]["spec"]
        template["config"]["dataset"]["training_path"] = path
        template |= {"platform": platform} if platform else {}
        del body["spec"]["schedule"]
        api.apply(body | {"spec": body["spec"] | {"trigger": {}} | spec})

    def reconcile(minutes=0):
        clock.tick(minutes=minutes)
        return world.operator.reconcile(NAMESPACE, "people")

    world = SimpleNamespace(
        operator=operator(),
        make_operator=operator,
        pictures=pictures,
        apply=apply,
        reconcile=reconcile,
        children=lambda: api.names(CHILDREN),
        end=lambda name: api.put_status(CHILDREN, name, phase="Failed"),
        edit=lambda **spec: api.edit(KIND, "people", **spec),
        status=lambda: api.get(KIND, "people")["status"],
        watching=lambda: api.conditions(KIND, "people")["Watching"],
        events=lambda: [reason for _, reason in api.events_of("people")],
    )
    return world


def test_a_changed_set_makes_one_experiment(world, api):
    world.apply()
    assert world.reconcile() == 300
    first = world.status()["dataset"]
    assert first["hash"] == store.fingerprint(str(world.pictures))
    assert first["lastLookTime"] == "2026-06-01T12:00:00Z"
    assert (world.watching()["status"], world.watching()["reason"]) == ("True", "Unchanged")
    (world.pictures / "b.jpg").write_text("b")
    world.reconcile(minutes=14)
    assert world.status()["dataset"] == first, "it is not time to look"
    assert world.reconcile(minutes=1) == 300
    assert world.watching()["reason"] == "Changed"
    assert world.children() == []
    world.reconcile(minutes=15)
    assert world.children() == [change(15)]
    made = api.get(CHILDREN, change(15))["metadata"]
    now = store.fingerprint(str(world.pictures))
    assert made["annotations"] == {DATASET_ANNOTATION: now}
    assert world.status()["dataset"]["hash"] == now != first["hash"]
    assert world.status()["active"] == [change(15)]
    world.end(change(15))
    world.reconcile(minutes=60)
    assert world.children() == [change(15)]
    assert world.events() == ["DatasetChanged", "Created"]
    assert "nextScheduleTime" not in world.status()


def test_while_it_changes_nothing_is_made(world):
    world.apply()
    world.reconcile()
    for index in range(4):
        (world.pictures / f"{index}.jpg").write_text("x")
        world.reconcile(minutes=15)
    assert world.children() == []
    world.reconcile(minutes=15)
    assert world.children() == [change(60)]


def test_a_change_waits_for_the_end_of_the_last_experiment(world):
    world.apply(schedule="0 * * * *", concurrencyPolicy="Replace")
    world.reconcile()
    world.reconcile(minutes=61)
    slot = f"people-{int(NOON.timestamp()) // 60 + 60}"
    assert world.children() == [slot]
    (world.pictures / "b.jpg").write_text("b")
    world.reconcile(minutes=15)
    world.reconcile(minutes=15)
    assert world.children() == [slot]
    assert world.watching()["reason"] == "Waiting"
    world.end(slot)
    world.reconcile()
    assert world.children() == [change(76), slot]


def test_what_an_experiment_of_a_slot_has_read_makes_no_other(world, api):
    world.apply(schedule="0 * * * *")
    world.reconcile(minutes=40)
    (world.pictures / "b.jpg").write_text("b")
    world.reconcile(minutes=15)
    world.reconcile(minutes=6)
    (slot,) = world.children()
    assert SLOT_ANNOTATION in api.get(CHILDREN, slot)["metadata"]["annotations"]
    world.end(slot)
    world.reconcile(minutes=20)
    world.reconcile(minutes=15)
    assert world.children() == [slot]


def test_who_dies_before_it_is_written_down_makes_nothing_twice(world, api):
    world.apply()
    world.reconcile()
    (world.pictures / "b.jpg").write_text("b")
    world.reconcile(minutes=15)
    api.before("replace_status", lambda: world.edit(failedExperimentsHistoryLimit=2))
    with pytest.raises(ConflictError):
        world.reconcile(minutes=15)
    assert world.children() == [change(15)]
    world.end(change(15))
    world.reconcile()
    world.reconcile(minutes=15)
    assert world.children() == [change(15)]
    assert world.events() == ["DatasetChanged", "Created"]


def test_suspended_nobody_looks(world):
    world.apply(suspend=True)
    assert world.reconcile() is None
    assert "lastLookTime" not in world.status().get("dataset", {})
    world.edit(suspend=False)
    assert world.reconcile() == 300
    assert world.status()["dataset"]["lastLookTime"]


def test_an_empty_set_makes_nothing_and_is_told(world):
    (world.pictures / "a.jpg").unlink()
    world.apply()
    world.reconcile()
    assert (world.watching()["status"], world.watching()["reason"]) == ("False", "Empty")
    (world.pictures / "a.jpg").write_text("a")
    world.reconcile(minutes=15)
    world.reconcile(minutes=15)
    assert world.children() == [change(15)]


def test_without_trigger_the_status_forgets_the_set(world):
    world.apply(schedule="0 * * * *")
    world.reconcile()
    assert world.status()["dataset"]
    world.edit(trigger=None)
    world.reconcile()
    assert "dataset" not in world.status()
    assert [each["type"] for each in world.status()["conditions"]] == ["Accepted"]


@pytest.mark.parametrize(
    ("path", "platform", "told"),
    [
        ("/etc", None, "below"),
        ("relative/people", None, "below"),
        ("https://pictures.example/people.tar", None, "web server"),
        (
            "s3://poses/people",
            {"s3": {"endpoint": "https://elsewhere.example"}},
            "https://elsewhere.example; accepted: AWS, whose credentials the operator has",
        ),
    ],
)
def test_what_may_not_be_looked_at_is_told_once(world, path, platform, told, monkeypatch):
    monkeypatch.setattr(store, "fingerprint", lambda uri: pytest.fail(f"looked at {uri}"))
    sources = AllowList.model_validate(
        {"endpoints": ["https://elsewhere.example"], "sources": ["https://pictures.example"]}
    )
    aws = Platform.model_validate({"s3": {"endpoint": ""}})
    world.operator._permission = world.operator._datasets._permission = Permission(aws, sources)
    world.apply(path, platform)
    world.reconcile()
    world.reconcile(minutes=15)
    assert (world.watching()["status"], world.watching()["reason"]) == ("False", "NotWatchable")
    assert told in world.watching()["message"]
    assert world.events() == ["DatasetNotRead"]
    world.edit(schedule="0 * * * *")
    world.reconcile(minutes=60)
    assert len(world.children()) == 1, "the cron line goes on"


def test_a_set_on_s3_is_watched_and_a_storage_that_is_away_is_told(
    world, storage, tmp_path, monkeypatch, weed
):
    own = Platform.model_validate({"s3": {"endpoint": f"http://127.0.0.1:{weed}/"}})
    world.operator = world.make_operator(own)
    uri = f"s3://{storage}/{tmp_path.name}/people"
    store.publish(world.pictures, uri, progress=False)
    world.apply(uri)
    world.reconcile()
    (world.pictures / "b.jpg").write_text("b")
    store.publish(world.pictures, uri, progress=False)
    world.reconcile(minutes=15)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    world.reconcile(minutes=15)
    assert (world.watching()["status"], world.watching()["reason"]) == ("False", "Unreadable")
    assert "access key" in world.watching()["message"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "admin")
    world.reconcile(minutes=15)
    assert world.watching()["reason"] == "Unchanged"
    assert world.children() == [change(15)]
