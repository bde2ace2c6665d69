from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import yaml
from support.api_server import NAMESPACE
from support.samples import ROOT

from poseline.api_server import ConflictError
from poseline.errors import BackendError
from poseline.operator.api.kinds import FINALIZER, SCHEDULE_LABEL, SLOT_ANNOTATION
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.schedules.reconciler import ScheduleReconciler

KIND, CHILDREN = "poseschedules", "poseexperiments"
EXAMPLE = yaml.safe_load((ROOT / "examples/kubernetes/schedule.yaml").read_text())
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = int(NOON.timestamp()) // 60


def child(hour):
    """Name of the experiment of a full hour, counted from noon."""
    return f"hourly-{MINUTE + 60 * hour}"


@pytest.fixture
def world(api, clock):
    """The schedule `hourly`, made at noon, and an operator; half an hour has passed."""
    clock.moment = NOON
    leads = [True]
    operator = ScheduleReconciler(Cluster(), lambda: leads[0])
    spec = EXAMPLE["spec"] | {
        "schedule": "0 * * * *",
        "timeZone": "Etc/UTC",
        "startingDeadlineSeconds": None,
    }
    api.apply(EXAMPLE | {"metadata": {"name": "hourly"}, "spec": spec})
    clock.tick(minutes=30)

    def look_in(hours):
        clock.tick(hours=hours)
        return operator.reconcile(NAMESPACE, "hourly")

    return SimpleNamespace(
        reconcile=lambda: operator.reconcile(NAMESPACE, "hourly"),
        look_in=look_in,
        leads=leads,
        children=lambda: api.names(CHILDREN),
        end=lambda name, phase="Succeeded": api.put_status(CHILDREN, name, phase=phase),
        edit=lambda **spec: api.edit(KIND, "hourly", **spec),
        status=lambda: api.get(KIND, "hourly")["status"],
        events=lambda: [reason for _, reason in api.events_of("hourly")],
    )


def hold(api, name):
    """Let an experiment stay while it is deleted, as one whose run is being stopped."""
    api.objects[CHILDREN, NAMESPACE, name]["metadata"]["finalizers"] = [FINALIZER]


def test_nothing_is_made_before_the_first_slot(world, clock):
    clock.tick(minutes=29)
    assert world.reconcile() == pytest.approx(60, abs=0.1)
    assert world.children() == []
    assert world.status()["nextScheduleTime"] == "2026-06-01T13:00:00Z"


def test_a_slot_makes_the_experiment_of_the_template(world, api):
    world.look_in(1)
    made = api.get(CHILDREN, child(1))
    assert made["metadata"]["labels"] == {"team": "vision", SCHEDULE_LABEL: "hourly"}
    assert made["metadata"]["annotations"] == {SLOT_ANNOTATION: "2026-06-01T13:00:00Z"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert owner["uid"] == api.get(KIND, "hourly")["metadata"]["uid"]
    assert made["spec"]["config"] == EXAMPLE["spec"]["experimentTemplate"]["spec"]["config"]
    assert world.status()["active"] == [child(1)]
    assert world.status()["activeCount"] == 1


def test_of_missed_slots_the_latest_is_caught_up_once(world):
    assert world.look_in(5) == 300, "the clock of a machine may be set"
    assert world.children() == [child(5)]
    assert world.status()["lastScheduleTime"] == "2026-06-01T17:00:00Z"
    world.end(child(5))
    world.reconcile()
    assert world.children() == [child(5)]
    assert world.events() == ["Created"]


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
def test_who_dies_before_it_is_written_down_makes_nothing_twice(world, api, policy):
    world.edit(concurrencyPolicy=policy)
    api.before("replace_status", lambda: world.edit(suspend=False, failedExperimentsHistoryLimit=2))
    with pytest.raises(ConflictError):
        world.look_in(1)
    assert "lastScheduleTime" not in world.status()
    first = api.get(CHILDREN, child(1))["metadata"]["uid"]
    world.reconcile()
    assert api.get(CHILDREN, child(1))["metadata"]["uid"] == first
    assert world.status()["lastScheduleTime"] == "2026-06-01T13:00:00Z"
    assert world.events() == ["Created"]


def test_forbid_waits_for_the_end(world):
    world.look_in(1)
    world.look_in(1)
    assert world.children() == [child(1)]
    assert world.status()["lastScheduleTime"] == "2026-06-01T13:00:00Z"
    world.end(child(1))
    world.reconcile()
    assert world.children() == [child(1), child(2)]
    assert world.status()["active"] == [child(2)]


def test_forbid_waits_for_one_that_is_being_stopped(world, api):
    world.look_in(1)
    hold(api, child(1))
    api.delete(CHILDREN, child(1))
    world.look_in(1)
    assert world.children() == [child(1)]
    del api.objects[CHILDREN, NAMESPACE, child(1)]
    world.reconcile()
    assert world.children() == [child(2)]


def test_allow_has_two_at_once(world):
    world.edit(concurrencyPolicy="Allow")
    world.look_in(1)
    world.look_in(1)
    assert world.status()["active"] == [child(1), child(2)]
    assert world.status()["activeCount"] == 2


def test_replace_deletes_the_active_one_once(world, api):
    world.edit(concurrencyPolicy="Replace")
    world.look_in(1)
    hold(api, child(1))
    world.look_in(1)
    assert world.children() == [child(1), child(2)]
    assert "deletionTimestamp" in api.get(CHILDREN, child(1))["metadata"]
    assert "deletionTimestamp" not in api.get(CHILDREN, child(2))["metadata"]
    world.reconcile()
    assert world.events() == ["Created", "Replaced", "Created"]


def test_the_oldest_of_the_ended_are_cleared_away(world, api):
    world.edit(successfulExperimentsHistoryLimit=1, failedExperimentsHistoryLimit=0)
    for hour, phase in enumerate(("Succeeded", "Failed", "Succeeded"), start=1):
        world.look_in(1)
        world.end(child(hour), phase)
    world.reconcile()
    assert world.children() == [child(3)]


def test_what_somebody_else_cleared_away_or_made_anew_is_left(world, api):
    world.edit(successfulExperimentsHistoryLimit=0)
    world.look_in(1)
    world.end(child(1))

    def anew():
        del api.objects[CHILDREN, NAMESPACE, child(1)]
        api.apply(
            {
                "apiVersion": "poseline.dev/v1alpha1",
                "kind": "PoseExperiment",
                "metadata": {"name": child(1)},
                "spec": {"config": {}},
            }
        )

    api.before("delete", anew, child(1))
    world.reconcile()
    assert world.children() == [child(1)]
    assert "ownerReferences" not in api.get(CHILDREN, child(1))["metadata"]

    world.edit(concurrencyPolicy="Replace")
    world.look_in(1)
    api.before("get", lambda: api.objects.pop((CHILDREN, NAMESPACE, child(2))), child(2))
    world.look_in(1)
    assert world.children() == [child(1), child(3)]


def test_a_name_that_is_taken_is_told_and_left(world, api):
    former = {SCHEDULE_LABEL: "hourly"}  # of a schedule of that name that is gone
    api.apply(
        {
            "apiVersion": "poseline.dev/v1alpha1",
            "kind": "PoseExperiment",
            "metadata": {"name": child(1), "labels": former},
            "spec": {"config": {}},
        }
    )
    before = api.get(CHILDREN, child(1))
    world.look_in(1)
    world.reconcile()
    assert api.get(CHILDREN, child(1)) == before
    assert world.events() == ["NameTaken"]
    assert world.status()["active"] == []


def test_suspended_nothing_is_made_and_afterwards_the_latest(world):
    world.edit(suspend=True)
    assert world.look_in(3) is None
    assert world.children() == []
    assert "nextScheduleTime" not in world.status()
    world.edit(suspend=False)
    world.reconcile()
    assert world.children() == [child(3)]


def test_a_slot_that_is_too_old_is_told_once(world, clock):
    world.edit(startingDeadlineSeconds=600)
    world.look_in(2)
    world.reconcile()
    assert world.children() == []
    assert world.status()["lastMissedTime"] == "2026-06-01T14:00:00Z"
    assert world.events() == ["MissedSlot"]
    clock.tick(minutes=35)
    world.reconcile()
    assert world.children() == [child(3)]


def test_a_schedule_that_cannot_be_read_says_so_and_can_be_mended(world, api):
    world.reconcile()
    world.edit(timeZone="Mars/Olympus")
    assert world.look_in(1) is None
    accepted = api.conditions(KIND, "hourly")["Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", "Invalid")
    assert "timeZone" in accepted["message"]
    assert "nextScheduleTime" not in world.status()
    world.edit(timeZone="Etc/UTC")
    world.reconcile()
    assert api.conditions(KIND, "hourly")["Accepted"]["status"] == "True"
    assert world.children() == [child(1)]


def test_the_last_success_is_the_latest_end(world, api):
    world.edit(concurrencyPolicy="Allow")
    for hour, end in ((1, "2026-06-01T16:00:00Z"), (2, "2026-06-01T15:00:00Z")):
        world.look_in(1)
        api.put_status(CHILDREN, child(hour), phase="Succeeded", completionTime=end)
    world.reconcile()
    assert world.status()["lastSuccessfulTime"] == "2026-06-01T16:00:00Z"


def test_who_no_longer_leads_makes_nothing(world, clock):
    world.leads[0] = False
    with pytest.raises(BackendError, match="no longer leads"):
        world.look_in(1)
    assert world.children() == []


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "going"])
def test_a_schedule_that_goes_makes_nothing(world, api, gone):
    if not gone:
        api.objects[KIND, NAMESPACE, "hourly"]["metadata"]["finalizers"] = ["foregroundDeletion"]
    api.delete(KIND, "hourly")
    assert world.look_in(1) is None
    assert world.children() == []
