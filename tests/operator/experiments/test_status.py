from datetime import UTC, datetime, timedelta

import pytest
from support.api_server import checker

from poseline.kubeflow import runs as kubeflow
from poseline.operator.experiments import status
from poseline.operator.experiments.runs import observed_run
from poseline.operator.experiments.state import ObservedRun, Submission
from poseline.tracking.failures import Failure
from poseline.tracking.results import Result

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = Submission("team-hands-01234567-g1", 1, "A", NOW)
RUN = ObservedRun("r1", ASKED.name, "RUNNING", NOW, stage="train")


def conditions(found):
    return {each["type"]: each["status"] for each in found["conditions"]}


def test_a_story_from_asking_to_the_figures():
    steps = [status.with_reachability({}, "", 1, NOW)]
    steps.append(status.with_submission(steps[-1], ASKED, 1, NOW))
    steps.append(status.with_run(steps[-1], RUN, "http://kfp/r1", 1, NOW))
    steps.append(status.with_phase(steps[-1], "Running", "Running", "train", RUN, 1, NOW))
    end = ObservedRun("r1", ASKED.name, "SUCCEEDED", NOW, NOW + timedelta(hours=1), stage="finish")
    later = NOW + timedelta(hours=2)
    steps.append(status.with_phase(steps[-1], "Succeeded", "RunSucceeded", "done", end, 1, later))
    found = Result(
        "m",
        "FINISHED",
        {"oks_float": 0.812345, "oks_int8": 0.8, "fits": 1.0, "latency_ms_estimate": 12.345},
        {
            "poseline.model_uri": "models:/people/3",
            "poseline.model_name": "people",
            "poseline.model_version": "3",
            "poseline.gate": "passed",
        },
    )
    steps.append(status.with_figures(steps[-1], found, 1, later))
    schema = checker("poseexperiments", "status")
    for step in steps:
        schema.validate(step)
    last = steps[-1]
    assert conditions(steps[1]) == {
        "Reachable": "True",
        "Accepted": "True",
        "Submitted": "False",
        "Succeeded": "Unknown",
        "Failed": "False",
    }
    assert conditions(last) == {
        "Reachable": "True",
        "Accepted": "True",
        "Submitted": "True",
        "Succeeded": "True",
        "Failed": "False",
        "Measured": "True",
    }
    assert last["oks"] == {"float": 0.8123, "int8": 0.8}
    assert (last["fit"], last["latencyMs"], last["gate"]) == (True, 12.35, "passed")
    assert last["model"] == {"uri": "models:/people/3", "name": "people", "version": "3"}
    assert "stage" not in last
    assert last["completionTime"] == "2026-03-01T13:00:00Z"
    pairs = zip([{}, *steps], steps, strict=False)
    told = [reason for old, new in pairs for reason, _ in status.events_of_change(old, new)]
    assert told == ["Submitted", "Stage", "RunSucceeded", "Measured"]


def test_figures_of_a_run_that_goes_on_are_not_all():
    found = Result("m", "RUNNING", {"oks_float": 0.5})
    lost = status.with_missing_figures({}, "MLflow does not answer", 1, NOW)
    made = status.with_figures(lost, found, 1, NOW)
    assert conditions(lost) == conditions(made) == {"Measured": "False"}
    assert (lost["conditions"][0]["reason"], made["conditions"][0]["reason"]) == (
        "NoAnswer",
        "Running",
    )
    assert made["oks"] == {"float": 0.5}


def test_a_new_run_leaves_nothing_of_the_former_one():
    old = status.with_run(status.with_submission({}, ASKED, 1, NOW), RUN, "", 1, NOW)
    old = status.with_phase(old, "Failed", "RunFailed", "no", RUN, 1, NOW)
    old = status.with_figures(old, Result("m", "FAILED", {"oks_float": 0.5}), 1, NOW)
    dropped = status.without_run(old, 2, NOW)
    assert dropped["phase"] == "Stopping"
    assert not {"runID", "submission", "stage", "completionTime"} & dropped.keys()
    assert "oks" not in dropped
    assert conditions(dropped)["Failed"] == "False"
    assert "Measured" not in conditions(dropped)
    assert conditions(status.with_submission(old, ASKED, 2, NOW))["Submitted"] == "False"


def test_a_condition_keeps_the_time_of_its_last_change():
    first = status.with_condition({}, "Succeeded", "Unknown", "Queued", "", 1, NOW)
    later = NOW + timedelta(minutes=1)
    same = status.with_condition(first, "Succeeded", "Unknown", "Running", "train", 1, later)
    assert same["conditions"][0]["lastTransitionTime"] == "2026-03-01T12:00:00Z"
    assert same["conditions"][0]["reason"] == "Running"
    other = status.with_condition(same, "Succeeded", "True", "Done", "", 1, later)
    assert other["conditions"][0]["lastTransitionTime"] == "2026-03-01T12:01:00Z"


def task(name, state, minute):
    return kubeflow.Task(name, state, started=NOW + timedelta(minutes=minute), error="")


@pytest.mark.parametrize(
    ("tasks", "stage", "error"),
    [
        ((), "", ""),
        ((task("train", "SUCCEEDED", 0), task("quantize", "RUNNING", 1)), "quantize", ""),
        ((task("train", "FAILED", 0), task("finish", "RUNNING", 1)), "train", "train failed"),
        ((task("train", "SUCCEEDED", 0), task("finish", "SUCCEEDED", 1)), "finish", ""),
    ],
)
def test_the_stage_is_what_runs_or_what_failed(tasks, stage, error):
    found = observed_run(kubeflow.KubeflowRun("r", "n", "RUNNING", tasks=tasks))
    assert (found.stage, found.error) == (stage, error)


def test_why_a_run_failed_is_in_conditions_and_event():
    old = status.with_run(status.with_submission({}, ASKED, 1, NOW), RUN, "", 1, NOW)
    made = status.with_phase(old, "Failed", "RunFailed", "run r ended FAILED", RUN, 1, NOW)
    tags = Failure("train", "a.jpg is cut off", "convert it again", 3).tags
    made = status.with_figures(made, Result("m", "FAILED", {}, tags), 1, NOW)
    text = "train: a.jpg is cut off\n  → convert it again"
    found = status.conditions_of(made)
    assert found["Failed"]["message"] == found["Succeeded"]["message"] == text
    assert ("RunFailed", text) in status.events_of_change(old, made)
