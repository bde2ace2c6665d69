"""From a PoseSchedule in Kubernetes to what the plan depends on, and to its experiments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from poseline.api_server import Body
from poseline.cron import Slots
from poseline.operator.api.kinds import (
    API_VERSION,
    DATASET_ANNOTATION,
    EXPERIMENT,
    SCHEDULE,
    SCHEDULE_LABEL,
    SLOT_ANNOTATION,
)
from poseline.operator.schedules.plan import Child, Decision, Schedule
from poseline.operator.schedules.watch import Watch, parse_every
from poseline.operator.timestamps import format_time, parse_time


def parse_schedule(body: Mapping[str, Any]) -> Schedule:
    """Return what the decision depends on of a PoseSchedule.

    Raises:
        ConfigError: Its cron line or its time zone cannot be read.
    """
    metadata, spec = body["metadata"], body["spec"]
    return Schedule(
        name=metadata["name"],
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        slots=Slots(spec["schedule"], spec["timeZone"]) if spec.get("schedule") else None,
        watch=_watch(body),
        policy=spec["concurrencyPolicy"],
        deadline=spec.get("startingDeadlineSeconds"),
        suspended=spec["suspend"],
        succeeded=spec["successfulExperimentsHistoryLimit"],
        failed=spec["failedExperimentsHistoryLimit"],
        last=parse_time(body.get("status", {}).get("lastScheduleTime")),
    )


def experiment(body: Mapping[str, Any], schedule: Schedule, decision: Decision) -> Body | None:
    """Return the experiment that is to be made; Kubernetes deletes it with the schedule."""
    if decision.slot:
        name = schedule.child_name(decision.slot)
        return _experiment(body, name, {SLOT_ANNOTATION: format_time(decision.slot)})
    if decision.change and decision.watch:
        name = schedule.name_for_change(decision.change)
        return _experiment(body, name, {DATASET_ANNOTATION: decision.watch.known or ""})
    return None


def child(body: Mapping[str, Any]) -> Child:
    """Return what the decision depends on of an experiment."""
    metadata, state = body["metadata"], body.get("status", {})
    return Child(
        name=metadata["name"],
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        phase=state.get("phase"),
        completed=parse_time(state.get("completionTime")),
        deleted="deletionTimestamp" in metadata,
    )


def _watch(body: Mapping[str, Any]) -> Watch | None:
    trigger = body["spec"].get("trigger") or {}
    if not trigger.get("dataset"):
        return None
    found = body.get("status", {}).get("dataset", {})
    return Watch(
        every=parse_every(trigger["every"]),
        known=found.get("hash"),
        seen=found.get("seen"),
        since=parse_time(found.get("seenSince")),
        looked=parse_time(found.get("lastLookTime")),
        settled=bool(found.get("settled")),
    )


def _experiment(body: Mapping[str, Any], name: str, cause: Mapping[str, str]) -> Body:
    metadata, template = body["metadata"], body["spec"]["experimentTemplate"]
    own = template.get("metadata", {})
    owner = {
        "apiVersion": API_VERSION,
        "kind": SCHEDULE.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": EXPERIMENT.name,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**own.get("labels", {}), SCHEDULE_LABEL: metadata["name"]},
            "annotations": {**own.get("annotations", {}), **cause},
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }
