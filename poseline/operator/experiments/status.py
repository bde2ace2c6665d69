"""The status of an experiment: phase, conditions, figures, and the Events that report a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from poseline.names import (
    FITS,
    LATENCY_MS_ESTIMATE,
    OKS_FLOAT,
    OKS_INT8,
    TAG_GATE,
    TAG_MODEL_NAME,
    TAG_MODEL_URI,
    TAG_MODEL_VERSION,
)
from poseline.operator.api.kinds import Condition
from poseline.operator.experiments.state import ObservedRun, Submission
from poseline.operator.timestamps import format_time
from poseline.tracking.results import Result

Status = dict[str, Any]

MEASURED: Condition = "Measured"
"""Condition: the chain's run in MLflow has ended, and all its figures are in the status."""
NO_ANSWER = "NoAnswer"
"""Reason of a condition: a server does not answer; the message says which, and how."""

_DIGITS = 4
_FIGURES = ("oks", "fit", "latencyMs", "model", "gate")
_OF_A_RUN = ("runID", "runURL", "stage", "startTime", "completionTime", *_FIGURES)


def with_condition(
    status: Status,
    kind: Condition,
    state: str,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Status:
    """Return a status with a condition set; its time is that of the last change of its state."""
    conditions = conditions_of(status)
    before = conditions.get(kind, {})
    same = before.get("status") == state
    conditions[kind] = {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if same else format_time(now),
    }
    return {**status, "conditions": list(conditions.values())}


def with_submission(
    status: Status, submission: Submission, generation: int, now: datetime
) -> Status:
    """Return the status before Kubeflow is asked for a run."""
    kept = _cleared_of_run(status)
    kept["submission"] = {
        "name": submission.name,
        "generation": submission.generation,
        "hash": submission.hash,
        "time": submission.time.isoformat(),
        "attempts": submission.attempts,
    }
    return _with_phase(
        kept, "Pending", "Submitting", f"asking for {submission.name}", generation, now
    )


def with_run(status: Status, run: ObservedRun, url: str, generation: int, now: datetime) -> Status:
    """Return the status that knows its run."""
    made = {**status, "runID": run.id, "runURL": url, "startTime": format_time(run.created)}
    return _with_phase(made, "Pending", "Queued", f"run {run.id}", generation, now)


def without_run(status: Status, generation: int, now: datetime) -> Status:
    """Return the status that has forgotten its run, which is to be stopped."""
    kept = _cleared_of_run(status)
    kept.pop("submission", None)
    return _with_phase(kept, "Stopping", "Stopping", "the former run is stopped", generation, now)


def with_phase(
    status: Status,
    phase: str,
    reason: str,
    message: str,
    run: ObservedRun | None,
    generation: int,
    now: datetime,
) -> Status:
    """Return the status of a phase, with what the run says."""
    made = dict(status)
    if run:
        made["stage"] = run.stage
    if phase in ("Succeeded", "Failed"):
        finished = run.finished if run and run.finished else now
        made.setdefault("completionTime", format_time(finished))
    if phase == "Succeeded" or not made.get("stage"):
        made.pop("stage", None)
    return _with_phase(made, phase, reason, message, generation, now)


def with_reachability(status: Status, why_not: str, generation: int, now: datetime) -> Status:
    """Return the status that says whether Kubeflow answers."""
    if why_not:
        return with_condition(status, "Reachable", "False", NO_ANSWER, why_not, generation, now)
    text = "Kubeflow answers"
    return with_condition(status, "Reachable", "True", "Answered", text, generation, now)


def with_figures(status: Status, result: Result, generation: int, now: datetime) -> Status:
    """Return the status with the figures that MLflow has; `Measured` once they are complete."""
    metrics, tags = result.metrics, result.tags
    oks = {
        key: round(metrics[name], _DIGITS)
        for key, name in (("float", OKS_FLOAT), ("int8", OKS_INT8))
        if name in metrics
    }
    model_tags = {"uri": TAG_MODEL_URI, "name": TAG_MODEL_NAME, "version": TAG_MODEL_VERSION}
    model = {key: tags[tag] for key, tag in model_tags.items() if tags.get(tag)}
    found: dict[str, Any] = {"oks": oks, "model": model, "gate": tags.get(TAG_GATE)}
    if FITS in metrics:
        found["fit"] = metrics[FITS] > 0
    if LATENCY_MS_ESTIMATE in metrics:
        found["latencyMs"] = round(metrics[LATENCY_MS_ESTIMATE], 2)
    made = {**status, **{key: value for key, value in found.items() if value not in ({}, None)}}
    if made.get("phase") == "Failed" and (failure := result.failure):
        made = _with_phase(made, "Failed", "RunFailed", str(failure), generation, now)
    text, ended = f"MLflow run {result.run_id}", str(result.status != "RUNNING")
    return with_condition(made, MEASURED, ended, result.status.capitalize(), text, generation, now)


def with_missing_figures(status: Status, why: str, generation: int, now: datetime) -> Status:
    """Return the status that says why MLflow has no figures."""
    return with_condition(status, MEASURED, "False", NO_ANSWER, why, generation, now)


def events_of_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the Events of a change: reason and message of each."""
    events: list[tuple[str, str]] = []
    before, after = conditions_of(old), conditions_of(new)
    reach = after.get("Reachable", {})
    if reach.get("status") != before.get("Reachable", {}).get("status"):
        if reach["status"] == "False":
            events.append(("KubeflowUnreachable", reach["message"]))
        elif before.get("Reachable"):
            events.append(("KubeflowAnswers", reach["message"]))
    if new.get("runID") and new["runID"] != old.get("runID"):
        events.append(("Submitted", f"run {new['runID']} {new.get('runURL', '')}".strip()))
    phase = new.get("phase")
    if phase != old.get("phase") and phase not in ("Pending", "Running"):
        about = after["Succeeded"]
        events.append((about["reason"], about["message"]))
    elif phase == "Running" and new.get("stage") and new["stage"] != old.get("stage"):
        events.append(("Stage", new["stage"]))
    if new.get("oks") and not old.get("oks"):
        figures = ", ".join(f"{name} {value}" for name, value in new["oks"].items())
        events.append(("Measured", f"OKS {figures}"))
    return events


def _cleared_of_run(status: Status) -> Status:
    kept = {key: value for key, value in status.items() if key not in _OF_A_RUN}
    conditions = [each for each in status.get("conditions", []) if each["type"] != MEASURED]
    return {**kept, "conditions": conditions}


def _with_phase(
    status: Status, phase: str, reason: str, message: str, generation: int, now: datetime
) -> Status:
    made = {**status, "phase": phase, "observedGeneration": generation}
    valid = reason not in ("Invalid", "NotAllowed")
    states: dict[Condition, tuple[str, str, str]] = {
        "Accepted": ("True", "Valid", "") if valid else ("False", reason, message),
        "Submitted": ("True", "Submitted", f"run {made['runID']}")
        if made.get("runID")
        else ("False", reason, message),
        "Succeeded": (
            {"Succeeded": "True", "Failed": "False"}.get(phase, "Unknown"),
            reason,
            message,
        ),
        "Failed": (str(phase == "Failed"), reason, message),
    }
    for kind, (state, why, text) in states.items():
        made = with_condition(made, kind, state, why, text, generation, now)
    return made


def conditions_of(status: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the conditions of a status by their types."""
    return {each["type"]: each for each in status.get("conditions", [])}
