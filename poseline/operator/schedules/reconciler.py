"""Reconciles schedules: reads one and its experiments, and does what is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from poseline.api_server import Body
from poseline.errors import BackendError, ConfigError, PoselineError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.operator import timestamps
from poseline.operator.api.events import EVENTS
from poseline.operator.api.kinds import EXPERIMENT, SCHEDULE, SCHEDULE_LABEL
from poseline.operator.experiments.status import conditions_of
from poseline.operator.permission import NotAllowedError, Permission
from poseline.operator.runtime import metrics
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.schedules.dataset import Datasets
from poseline.operator.schedules.parsing import child, experiment, parse_schedule
from poseline.operator.schedules.plan import Child, Decision, Schedule, decide, remembered
from poseline.operator.schedules.status import Fault, FaultReason, last_missed, status
from poseline.operator.timestamps import format_time

_LONGEST_WAIT_S = 300.0  # the clock of a machine may be set
_log = get_logger(__name__)


class ScheduleReconciler:
    """Creates the experiments of schedules, and deletes surplus ones.

    Args:
        cluster: The API server.
        leads: Tells whether this replica may still act.
        permission: What its experiments may name.
        folder: Where a volume with data sets is mounted; None: there is none.
    """

    def __init__(
        self,
        cluster: Cluster,
        leads: Callable[[], bool],
        permission: Permission | None = None,
        folder: Path | None = None,
    ) -> None:
        self._cluster, self._leads = cluster, leads
        self._permission = permission or Permission(Platform(), AllowList())
        self._datasets = Datasets(self._permission, folder)

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
            self._refuse(body, owned, error, now)
            return None
        children = list(owned.values())
        schedule = replace(schedule, watch=remembered(schedule, children))
        schedule, fault = self._look(body, schedule, now)
        decision = decide(schedule, children, now)
        self._carry_out(body, schedule, decision)
        if decision.slot or decision.change or decision.replaced:
            owned = self._children(body)
        self._write(body, status(body, owned.values(), decision, now, watch_fault=fault))
        for surplus in decision.surplus:
            self._remove(body, surplus)
        return _wait(schedule, decision)

    def _check(self, body: Body) -> None:
        if found := self._permission.problems(body["spec"]["experimentTemplate"]["spec"]):
            raise NotAllowedError(found, "experimentTemplate.spec")

    def _refuse(
        self, body: Body, owned: Mapping[str, Child], error: ConfigError, now: datetime
    ) -> None:
        allowed = not isinstance(error, NotAllowedError)
        fault = Fault("Invalid" if allowed else "NotAllowed", error.message)
        made = status(body, owned.values(), None, now, spec_fault=fault)
        if not allowed and conditions_of(made) != conditions_of(body.get("status", {})):
            self._record_event(body, "TemplateNotAllowed", error.message)
        self._write(body, made)

    def _look(self, body: Body, schedule: Schedule, now: datetime) -> tuple[Schedule, Fault | None]:
        """Look at the data set where that is due; return what is known then, and what is wrong."""
        watch = schedule.watch
        if watch is None or schedule.suspended:
            return schedule, None
        if watch.next(now) > now and not _spec_changed(body):
            return schedule, _fault_until_now(body)
        fault = None
        try:
            found = self._datasets.look(self._datasets.uri(_template(body)))
            watch = watch.after_look(found, now)
        except PoselineError as error:
            reason: FaultReason = "NotWatchable" if isinstance(error, ConfigError) else "Unreadable"
            fault = Fault(reason, f"{error.message}; {error.remedy}".rstrip("; "))
            watch = watch.after_fault(now)
            if _fault_until_now(body) != fault:
                self._record_event(body, "DatasetNotRead", fault.message)
        if watch.changed and watch.since == now:
            text = "an experiment follows if it is the same at the next look"
            self._record_event(body, "DatasetChanged", text)
        return replace(schedule, watch=watch), fault

    def _carry_out(self, body: Body, schedule: Schedule, decision: Decision) -> None:
        if not self._leads():
            raise BackendError("this replica no longer leads")
        for name in decision.replaced:
            self._remove(body, name)
            self._record_event(body, "Replaced", f"{name} gives way to the next slot")
        if made := experiment(body, schedule, decision):
            name = made["metadata"]["name"]
            if self._cluster.create(EXPERIMENT, made):
                metrics.CREATED.inc()
                self._record_event(
                    body, "Created", f"{name}: the data set changed" if decision.change else name
                )
            else:
                text = f"{name} is there already, and not of this schedule"
                self._record_event(body, "NameTaken", text)
        if decision.missed and last_missed(body) != format_time(decision.missed):
            metrics.MISSED.inc()
            text = f"{format_time(decision.missed)} is longer ago than startingDeadlineSeconds"
            self._record_event(body, "MissedSlot", text)

    def _children(self, body: Body) -> dict[str, Child]:
        metadata = body["metadata"]
        found = self._cluster.list(
            EXPERIMENT, metadata["namespace"], f"{SCHEDULE_LABEL}={metadata['name']}"
        )
        return {
            each["metadata"]["name"]: child(each)
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


def _wait(schedule: Schedule, decision: Decision) -> float | None:
    """Return the seconds until the next slot or look; None: neither comes."""
    now, moments = timestamps.now(), [decision.next] if decision.next else []
    if decision.watch and not schedule.suspended:
        moments.append(decision.watch.next(now))
    if not moments:
        return None
    return min(max((min(moments) - now).total_seconds(), 0.0) + 0.05, _LONGEST_WAIT_S)


def _template(body: Body) -> Body:
    found: Body = body["spec"]["experimentTemplate"]["spec"]
    return found


def _watching(body: Body) -> Mapping[str, Any]:
    return conditions_of(body.get("status", {})).get("Watching", {})


def _spec_changed(body: Body) -> bool:
    """Tell whether the spec has changed since the last look, which may fix what was wrong."""
    return bool(_watching(body).get("observedGeneration") != body["metadata"]["generation"])


def _fault_until_now(body: Body) -> Fault | None:
    found = _watching(body)
    if found.get("reason") not in ("NotWatchable", "Unreadable"):
        return None
    return Fault(found["reason"], found["message"])
