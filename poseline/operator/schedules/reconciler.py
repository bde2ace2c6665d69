"""Reconciles schedules: reads one and its experiments, and does what is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from poseline.cron import Slots
from poseline.errors import BackendError, ConfigError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.operator import timestamps
from poseline.operator.api.events import EVENTS
from poseline.operator.api.kinds import (
    API_VERSION,
    EXPERIMENT,
    SCHEDULE,
    SCHEDULE_LABEL,
    SLOT_ANNOTATION,
)
from poseline.operator.experiments import status
from poseline.operator.permission import NotAllowedError, Permission
from poseline.operator.runtime import metrics
from poseline.operator.runtime.cluster import Body, Cluster
from poseline.operator.schedules.plan import Child, Decision, Schedule, decide
from poseline.operator.timestamps import format_time, parse_time

_LONGEST_WAIT_S = 300.0  # the clock of a machine may be set
_log = get_logger(__name__)


class ScheduleReconciler:
    """Creates the experiments of schedules, and deletes surplus ones.

    Args:
        cluster: The API server.
        leads: Tells whether this replica may still act.
        permission: What its experiments may name.
    """

    def __init__(
        self, cluster: Cluster, leads: Callable[[], bool], permission: Permission | None = None
    ) -> None:
        self._cluster, self._leads = cluster, leads
        self._permission = permission or Permission(Platform(), AllowList())

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Do what is due for a schedule.

        Returns:
            Seconds until it is reconciled again; None: when it changes.

        Raises:
            BackendError: The API server did not do what was asked.
        """
        body = self._cluster.get(SCHEDULE, namespace, name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None
        owned = self._children(body)
        now = timestamps.now()
        try:
            schedule = parse_schedule(body)
            self._check(body)
        except ConfigError as error:
            allowed = not isinstance(error, NotAllowedError)
            made = _status(body, owned.values(), None, error.message, now, allowed=allowed)
            if not allowed and status.conditions_of(made) != status.conditions_of(
                body.get("status", {})
            ):
                self._record_event(body, "TemplateNotAllowed", error.message)
            self._write(body, made)
            return None
        decision = decide(schedule, list(owned.values()), now)
        self._carry_out(body, schedule, decision)
        if decision.slot or decision.replaced:
            owned = self._children(body)
        self._write(body, _status(body, owned.values(), decision, "", now))
        for surplus in decision.surplus:
            self._remove(body, surplus)
        if decision.next is None:
            return None
        wait = (decision.next - timestamps.now()).total_seconds()
        return min(max(wait, 0.0) + 0.05, _LONGEST_WAIT_S)

    def _check(self, body: Body) -> None:
        if found := self._permission.problems(body["spec"]["experimentTemplate"]["spec"]):
            raise NotAllowedError(found, "experimentTemplate.spec")

    def _carry_out(self, body: Body, schedule: Schedule, decision: Decision) -> None:
        if not self._leads():
            raise BackendError("this replica no longer leads")
        for name in decision.replaced:
            self._remove(body, name)
            self._record_event(body, "Replaced", f"{name} gives way to the next slot")
        if decision.slot:
            made = experiment(body, schedule, decision.slot)
            name = made["metadata"]["name"]
            if self._cluster.create(EXPERIMENT, made):
                metrics.CREATED.inc()
                self._record_event(body, "Created", name)
            else:
                text = f"{name} is there already, and not of this schedule"
                self._record_event(body, "NameTaken", text)
        if decision.missed and _last_missed(body) != format_time(decision.missed):
            metrics.MISSED.inc()
            text = f"{format_time(decision.missed)} is longer ago than startingDeadlineSeconds"
            self._record_event(body, "MissedSlot", text)

    def _children(self, body: Body) -> dict[str, Child]:
        metadata = body["metadata"]
        found = self._cluster.list(
            EXPERIMENT, metadata["namespace"], f"{SCHEDULE_LABEL}={metadata['name']}"
        )
        return {
            each["metadata"]["name"]: _child(each)
            for each in found
            if any(
                owner.get("uid") == metadata["uid"]
                for owner in each["metadata"].get("ownerReferences", [])
            )
        }

    def _remove(self, body: Body, name: str) -> None:
        found = self._cluster.get(EXPERIMENT, body["metadata"]["namespace"], name)
        if found:
            self._cluster.delete(EXPERIMENT, found)

    def _write(self, body: Body, made: dict[str, Any]) -> None:
        if made != body.get("status", {}):
            self._cluster.replace(SCHEDULE, {**body, "status": made}, status=True)

    def _record_event(self, body: Body, reason: str, message: str) -> None:
        _log.info("event", schedule=body["metadata"]["name"], reason=reason, message=message)
        try:
            self._cluster.record_event(body, EVENTS[reason].type, reason, message)
        except BackendError as error:
            _log.warning("an Event was lost", reason=reason, why=error.message)


def parse_schedule(body: Mapping[str, Any]) -> Schedule:
    """Return what the decision depends on of a PoseSchedule.

    Raises:
        ConfigError: Its cron line or its time zone cannot be read.
    """
    metadata, spec = body["metadata"], body["spec"]
    return Schedule(
        name=metadata["name"],
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        slots=Slots(spec["schedule"], spec["timeZone"]),
        policy=spec["concurrencyPolicy"],
        deadline=spec.get("startingDeadlineSeconds"),
        suspended=spec["suspend"],
        succeeded=spec["successfulExperimentsHistoryLimit"],
        failed=spec["failedExperimentsHistoryLimit"],
        last=parse_time(body.get("status", {}).get("lastScheduleTime")),
    )


def experiment(body: Mapping[str, Any], schedule: Schedule, slot: datetime) -> Body:
    """Return the experiment of a slot; Kubernetes deletes it with the schedule."""
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
            "name": schedule.child_name(slot),
            "namespace": metadata["namespace"],
            "labels": {**own.get("labels", {}), SCHEDULE_LABEL: metadata["name"]},
            "annotations": {**own.get("annotations", {}), SLOT_ANNOTATION: format_time(slot)},
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }


def _child(body: Mapping[str, Any]) -> Child:
    metadata, state = body["metadata"], body.get("status", {})
    return Child(
        name=metadata["name"],
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        phase=state.get("phase"),
        completed=parse_time(state.get("completionTime")),
        deleted="deletionTimestamp" in metadata,
    )


def _last_missed(body: Mapping[str, Any]) -> str:
    return str(body.get("status", {}).get("lastMissedTime", ""))


def _status(
    body: Mapping[str, Any],
    children: Any,
    decision: Decision | None,
    fault: str,
    now: datetime,
    *,
    allowed: bool = True,
) -> dict[str, Any]:
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
    reason = "Invalid" if allowed else "NotAllowed"
    state = ("False", reason, fault) if fault else ("True", "Valid", "")
    return status.with_condition(made, "Accepted", *state, generation, now)
