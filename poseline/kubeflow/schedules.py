"""Recurring runs: exactly one of each name, replaced when it is to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from poseline.kubeflow import answers
from poseline.kubeflow.client import Kubeflow, Version
from poseline.kubeflow.cron import six_fields
from poseline.kubeflow.errors import NotFoundError
from poseline.kubeflow.filters import equals, every
from poseline.kubeflow.runs import OVER
from poseline.kubeflow.validation import check_name, check_parameters
from poseline.log import get_logger

Outcome = Literal["made", "changed", "unchanged"]
_PATH, _KEY = "/recurringruns", "recurringRuns"  # not as other lists are called
_log = get_logger(__name__)


@dataclass(frozen=True)
class Schedule:
    """What is to run, and when.

    Attributes:
        name: Display name of the recurring run.
        cron: Five fields, in the zone that the server reckons in.
        version: What to run.
        parameters: Of the pipeline.
        experiment: Name of the experiment; made where it is missing.
        service_account: Account of the pods; empty: KFP's own.
    """

    name: str
    cron: str
    version: Version
    parameters: Mapping[str, Any] = field(default_factory=dict)
    experiment: str = "Default"
    service_account: str = ""


@dataclass(frozen=True)
class Recurring:
    """A recurring run on the server.

    Attributes:
        id: Its id.
        name: Its display name.
        cron: Its six fields; empty: it has no cron line.
        enabled: Whether it runs.
        pipeline_id: The pipeline that it runs.
        version_id: The version that it is bound to.
    """

    id: str
    name: str
    cron: str
    enabled: bool
    pipeline_id: str
    version_id: str


def apply(kubeflow: Kubeflow, schedule: Schedule) -> Outcome:
    """Make the server run a schedule, once.

    KFP cannot change a recurring run. The new one is made disabled, so that whatever the server
    dislikes is reported while the old one still runs; then the old one is retired and the new one
    enabled. Wherever that is interrupted, the same call completes it. What would have been due
    while nothing ran is not made up for.

    To retire is to delete, but to disable as long as a run of it goes on: the server deletes the
    workflow of that run with it, and shows the run as going on forever.

    Raises:
        ConfigError: The cron line cannot be read.
        BackendError: The server cannot be reached, or refuses.
    """
    check_name("schedule", schedule.name)
    check_parameters(schedule.parameters)
    body = _body(schedule, kubeflow.experiment(schedule.experiment))
    pipeline_id = schedule.version.pipeline_id
    before = _named(kubeflow, schedule.name, pipeline_id)
    same = [one for one in before if _says(one, body)]
    if len(before) == 1 and same and _enabled(same[0]):
        return "unchanged"
    if same:
        kept = max(same, key=_enabled)
    else:
        kept = _make(kubeflow, body, {one["recurring_run_id"] for one in before})
    changed = not _enabled(kept)
    for other in _named(kubeflow, schedule.name, pipeline_id):
        if other["recurring_run_id"] != kept["recurring_run_id"]:
            changed |= _retire(kubeflow, other) or _enabled(other)
    if not _enabled(kept):
        kubeflow.api.send("POST", f"{_at(kept['recurring_run_id'])}:enable")
    if not before:
        return "made"
    return "changed" if changed else "unchanged"


def remove(kubeflow: Kubeflow, name: str, pipeline_id: str) -> tuple[int, int]:
    """Retire the recurring runs of a name of one pipeline; see `apply`.

    Returns:
        How many were deleted, and how many are only disabled, for a run of theirs goes on.
    """
    deleted = [_retire(kubeflow, one) for one in _named(kubeflow, name, pipeline_id)]
    return deleted.count(True), deleted.count(False)


def schedules(kubeflow: Kubeflow) -> list[Recurring]:
    """Return the recurring runs of a server."""
    pages = kubeflow.api.pages(_PATH, _KEY, {"namespace": kubeflow.namespace})
    return [_read(one) for one in pages]


def _make(kubeflow: Kubeflow, body: dict[str, Any], known: set[str]) -> dict[str, Any]:
    pipeline_id = body["pipeline_version_reference"]["pipeline_id"]

    def find() -> dict[str, Any] | None:
        named = _named(kubeflow, body["display_name"], pipeline_id)
        return next((one for one in named if one["recurring_run_id"] not in known), None)

    return kubeflow.once(
        find,
        lambda: kubeflow.api.send(
            "POST", _PATH, body=body | {"mode": "DISABLE"}, kind=answers.RecurringRun
        ),
        f"schedule {body['display_name']}",
    )


def _retire(kubeflow: Kubeflow, one: Mapping[str, Any]) -> bool:
    """Delete a recurring run, or disable it as long as a run of it goes on; True: deleted.

    It is disabled first, so that it makes no run between the look and the end.
    """
    recurring_id = one["recurring_run_id"]
    try:
        if _enabled(one):
            kubeflow.api.send("POST", f"{_at(recurring_id)}:disable")
        if _busy(kubeflow, one):
            return False
        kubeflow.api.send("DELETE", _at(recurring_id))
    except NotFoundError:
        _log.debug("a recurring run was gone already", id=recurring_id)
    return True


def _busy(kubeflow: Kubeflow, one: Mapping[str, Any]) -> bool:
    """Return whether a run of a recurring run goes on; one that is being ended does not count."""
    of_it = ("EQUALS", "recurring_run_id", one["recurring_run_id"])
    going_on = [("NOT_EQUALS", "state", state) for state in (*OVER, "CANCELING")]
    query = {
        "filter": every(of_it, *going_on),
        "experiment_id": one.get("experiment_id"),
        "page_size": 1,
    }
    return any(kubeflow.api.pages("/runs", "runs", query))


def _at(recurring_id: str) -> str:
    return f"{_PATH}/{quote(recurring_id, safe='')}"


def _named(kubeflow: Kubeflow, name: str, pipeline_id: str) -> list[dict[str, Any]]:
    query = {"filter": equals("display_name", name), "namespace": kubeflow.namespace}
    found: Iterator[dict[str, Any]] = kubeflow.api.pages(_PATH, _KEY, query)
    return [
        one
        for one in found
        if one["display_name"] == name and _reference(one).get("pipeline_id") == pipeline_id
    ]


def _body(schedule: Schedule, experiment_id: str) -> dict[str, Any]:
    body = {
        "display_name": schedule.name,
        "experiment_id": experiment_id,
        "pipeline_version_reference": schedule.version.reference,
        "runtime_config": {"parameters": dict(schedule.parameters)},
        "trigger": {"cron_schedule": {"cron": six_fields(schedule.cron)}},
        "max_concurrency": "1",
        "no_catchup": True,
    }
    return body | (
        {"service_account": schedule.service_account} if schedule.service_account else {}
    )


def _says(one: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Return whether a recurring run does what is asked; KFP fills in a service account."""
    parameters = one.get("runtime_config", {}).get("parameters", {})
    return (
        one.get("experiment_id") == body["experiment_id"]
        and _reference(one) == body["pipeline_version_reference"]
        and parameters == body["runtime_config"]["parameters"]
        and _cron(one) == body["trigger"]["cron_schedule"]["cron"]
        and bool(one.get("no_catchup"))
        and str(one.get("max_concurrency")) == body["max_concurrency"]
        and body.get("service_account") in (None, one.get("service_account"))
    )


def _read(one: Mapping[str, Any]) -> Recurring:
    reference = _reference(one)
    return Recurring(
        id=one["recurring_run_id"],
        name=one.get("display_name", ""),
        cron=_cron(one),
        enabled=_enabled(one),
        pipeline_id=reference.get("pipeline_id", ""),
        version_id=reference.get("pipeline_version_id", ""),
    )


def _reference(one: Mapping[str, Any]) -> dict[str, str]:
    return dict(one.get("pipeline_version_reference", {}))


def _cron(one: Mapping[str, Any]) -> str:
    return str(one.get("trigger", {}).get("cron_schedule", {}).get("cron", ""))


def _enabled(one: Mapping[str, Any]) -> bool:
    return one.get("status") == "ENABLED"
