"""One recurring run of a name, whatever is interrupted."""

from dataclasses import replace

import pytest
from support.kfp_double.package import PACKAGE

from poseline.errors import BackendError, ConfigError
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import RefusedError
from poseline.kubeflow.schedules import Schedule, apply, remove, schedules

NAME = "poseline-chain-tqe"


@pytest.fixture
def nightly(kubeflow):
    version = kubeflow.pipeline_version(NAME, PACKAGE)
    return Schedule("nightly", "0 3 * * *", version, {"config": "a: 1", "epochs": 3})


@pytest.fixture
def enabled(server):
    """The least and the most recurring runs that were enabled at once, from now on."""
    seen = []

    def observe(objects):
        seen.append([r["status"] for r in objects.recurring.values()].count("ENABLED"))

    server.observe = observe
    return seen


def test_made_unchanged_changed_removed(kubeflow, server, nightly, enabled):
    assert apply(kubeflow, nightly) == "made"
    (one,) = server.objects.recurring.values()
    assert one["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}} and one["no_catchup"]
    assert one["status"] == "ENABLED" and one["max_concurrency"] == "1"
    assert apply(kubeflow, nightly) == "unchanged"
    assert server.count("POST", ".*/recurringruns") == 1
    assert [(r.name, r.cron, r.enabled) for r in schedules(kubeflow)] == [
        ("nightly", "0 0 3 * * *", True)
    ]
    del enabled[:]
    assert apply(kubeflow, replace(nightly, cron="0 4 * * *")) == "changed"
    assert [r.cron for r in schedules(kubeflow)] == ["0 0 4 * * *"]
    assert max(enabled) == 1 and enabled.count(0) == 3  # after disabling, looking, deleting
    assert remove(kubeflow, "nightly", nightly.version.pipeline_id) == (1, 0)
    assert remove(kubeflow, "nightly", nightly.version.pipeline_id) == (0, 0)


def test_each_part_of_a_schedule_counts(kubeflow, nightly):
    apply(kubeflow, nightly)
    other = kubeflow.pipeline_version(NAME, PACKAGE.replace("image: a", "image: b"))
    changes = [
        {"version": other},
        {"parameters": {"config": "a: 1", "epochs": 4}},
        {"parameters": {}},
        {"experiment": "others"},
        {"service_account": "trainer"},
    ]
    for change in changes:
        nightly = replace(nightly, **change)
        assert apply(kubeflow, nightly) == "changed"
        assert apply(kubeflow, nightly) == "unchanged"
        assert len(schedules(kubeflow)) == 1


def test_a_disabled_one_is_enabled_and_doubles_are_deleted(kubeflow, server, nightly):
    apply(kubeflow, nightly)
    (one,) = server.objects.recurring
    server.objects.enable(one, False)
    assert apply(kubeflow, nightly) == "changed"
    for number in range(3):
        copy = server.objects.recurring[one] | {"recurring_run_id": f"double-{number}"}
        server.objects.recurring[f"double-{number}"] = copy
    assert apply(kubeflow, nightly) == "changed" and len(server.objects.recurring) == 1


def test_what_the_database_does_not_take_is_not_sent(kubeflow, server, nightly):
    for change in ({"name": "a" * 256}, {"parameters": {"config": "\N{RUNNER}"}}):
        with pytest.raises(RefusedError, match=r"256 characters|cannot store"):
            apply(kubeflow, replace(nightly, **change))
    assert not server.objects.recurring


def test_a_run_that_goes_on_outlives_its_schedule(kubeflow, server, nightly):
    apply(kubeflow, nightly)
    (old,) = server.objects.recurring
    run = server.objects.create_run(
        {
            "display_name": "due",
            "recurring_run_id": old,
            "experiment_id": kubeflow.experiment("Default"),
            "pipeline_version_reference": nightly.version.reference,
        }
    )
    changed = replace(nightly, cron="0 4 * * *")
    assert apply(kubeflow, changed) == "changed" and apply(kubeflow, changed) == "unchanged"
    assert {(r.cron, r.enabled) for r in schedules(kubeflow)} == {
        ("0 0 3 * * *", False),
        ("0 0 4 * * *", True),
    }
    assert remove(kubeflow, "nightly", nightly.version.pipeline_id) == (1, 1)
    assert not server.objects.plans[run["run_id"]]["lost"]
    server.objects.settle(run["run_id"], {"state": "SUCCEEDED"})
    assert remove(kubeflow, "nightly", nightly.version.pipeline_id) == (1, 0)


def test_a_name_is_of_one_pipeline(kubeflow, nightly):
    apply(kubeflow, nightly)
    other = kubeflow.pipeline_version("another", PACKAGE)
    apply(kubeflow, replace(nightly, version=other))
    assert len(schedules(kubeflow)) == 2
    assert remove(kubeflow, "nightly", other.pipeline_id) == (1, 0)
    assert [r.pipeline_id for r in schedules(kubeflow)] == [nightly.version.pipeline_id]


def test_what_the_server_refuses_leaves_the_old_one(kubeflow, server, nightly):
    apply(kubeflow, nightly)
    with pytest.raises(RefusedError, match="colour"):
        apply(kubeflow, replace(nightly, parameters={"colour": "red"}))
    with pytest.raises(ConfigError):
        apply(kubeflow, replace(nightly, cron="0 0 3 * * *"))
    assert [r.enabled for r in schedules(kubeflow)] == [True]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "status"])
@pytest.mark.parametrize("place", range(5))
def test_an_interrupted_change_is_completed_by_the_next(server, nightly, enabled, kind, place):
    with Kubeflow(server.url, timeout=1, patience=0) as kubeflow:
        apply(kubeflow, nightly)
        later = replace(nightly, cron="30 4 * * *")
        paths = [
            ("GET", "recurringruns$"),
            ("POST", "recurringruns$"),
            ("DELETE", ""),
            ("POST", ":enable$"),
            ("GET", "experiments$"),
        ]
        server.fail(kind, method=paths[place][0], path=paths[place][1])
        try:
            apply(kubeflow, later)
        except BackendError:
            assert apply(kubeflow, later) in ("changed", "unchanged")
        assert [(r.cron, r.enabled) for r in schedules(kubeflow)] == [("0 30 4 * * *", True)]
    assert max(enabled) == 1
