"""The status of a schedule: times, experiments that are active, conditions, the data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from poseline.operator.experiments.status import conditions_of, with_condition
from poseline.operator.schedules.plan import Child, Decision
from poseline.operator.schedules.watch import Watch
from poseline.operator.timestamps import format_time

Status = dict[str, Any]


FaultReason = Literal["Invalid", "NotAllowed", "NotWatchable", "Unreadable"]


@dataclass(frozen=True)
class Fault:
    """Why something cannot be done: a reason in one word, and words for people."""

    reason: FaultReason
    message: str


def status(
    body: Mapping[str, Any],
    children: Collection[Child],
    decision: Decision | None,
    now: datetime,
    *,
    spec_fault: Fault | None = None,
    watch_fault: Fault | None = None,
) -> Status:
    """Return the status of a schedule.

    Args:
        body: The schedule, with its status until now.
        children: Its experiments.
        decision: What was done; None: nothing, since the spec cannot be carried out.
        now: The time.
        spec_fault: Why it cannot.
        watch_fault: Why the data set could not be looked at.
    """
    generation = body["metadata"]["generation"]
    active = sorted(child.name for child in children if child.active)
    ends = [child.completed for child in children if child.phase == "Succeeded" and child.completed]
    made = {
        **body.get("status", {}),
        "observedGeneration": generation,
        "active": active,
        "activeCount": len(active),
    }
    times = {
        "lastScheduleTime": decision.last if decision else None,
        "lastMissedTime": decision.missed if decision else None,
        "nextScheduleTime": decision.next if decision else None,
        "lastSuccessfulTime": max(ends, default=None),
    }
    for key, moment in times.items():
        if moment:
            made[key] = format_time(moment)
        elif key == "nextScheduleTime":
            made.pop(key, None)
    state = ("False", spec_fault.reason, spec_fault.message) if spec_fault else _VALID
    made = with_condition(made, "Accepted", *state, generation, now)
    watch = decision.watch if decision else None
    if not decision or not watch:
        return made if spec_fault else _unwatched(made)
    made["dataset"] = _dataset(watch)
    return with_condition(
        made, "Watching", *_watching(watch, decision, watch_fault), generation, now
    )


_VALID = ("True", "Valid", "")


def _watching(watch: Watch, decision: Decision, fault: Fault | None) -> tuple[str, str, str]:
    if fault:
        return "False", fault.reason, fault.message
    if watch.seen == "":
        return "False", "Empty", "there is nothing where the data set should be"
    if not watch.changed:
        return "True", "Unchanged", ""
    if watch.due and decision.waiting:
        return "True", "Waiting", "it has changed; an active experiment goes first"
    return "True", "Changed", "it has changed; an experiment follows if it stays as it is"


def _dataset(watch: Watch) -> Status:
    found = {
        "hash": watch.known,
        "seen": watch.seen,
        "seenSince": format_time(watch.since) if watch.since else None,
        "lastLookTime": format_time(watch.looked) if watch.looked else None,
        "settled": watch.settled,
    }
    return {key: value for key, value in found.items() if value is not None}


def _unwatched(made: Status) -> Status:
    """Return a status without a data set, since none is watched any more."""
    kept = {key: value for key, value in made.items() if key != "dataset"}
    others = [each for kind, each in conditions_of(made).items() if kind != "Watching"]
    return {**kept, "conditions": others}


def last_missed(body: Mapping[str, Any]) -> str:
    """Return the slot that was reported as left out last."""
    return str(body.get("status", {}).get("lastMissedTime", ""))
