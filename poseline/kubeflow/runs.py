"""Runs and their tasks, as the API shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

State = Literal[
    "PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CANCELING", "CANCELED", "PAUSED"
]
"""States of runs and of tasks; a run that was only created is PENDING."""

OVER: tuple[State, ...] = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""States that nothing follows."""

_NO_TASK = re.compile(
    r"root|(.*-)?driver|(.*-)?executor|(iteration|condition|exit-handler|for-loop)\b.*"
)
"""Names of what Argo makes of a pipeline beside its tasks: graphs, drivers, launchers."""
_ATTEMPT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True)
class Task:
    """A task of a run.

    Attributes:
        name: Its name in the pipeline.
        state: Its state.
        started: When it began, UTC; None: not yet.
        ended: When it ended, UTC.
        error: Why it failed, where the server says so.
        pods: Names of the pods that the server has noted.
    """

    name: str
    state: State
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    pods: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in OVER


@dataclass(frozen=True)
class Run:
    """A run of a pipeline.

    Attributes:
        id: Its id.
        name: Its display name.
        state: Its state; a run that was terminated ends FAILED or CANCELED.
        error: Why it failed, where the server says so.
        created: When it was created, UTC.
        finished: When it ended, UTC; None: not yet.
        tasks: Its tasks, by the time they began.
        canceled: Whether somebody terminated it.
        experiment_id: The experiment that it is in.
        version_id: The version of the pipeline that it runs.
        recurring_id: The schedule that made it; empty: none.
        parameters: What it was started with.
    """

    id: str
    name: str
    state: State
    error: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    tasks: tuple[Task, ...] = ()
    canceled: bool = False
    experiment_id: str = ""
    version_id: str = ""
    recurring_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in OVER

    @property
    def ending(self) -> bool:
        """Whether it has ended or is about to, so that it cannot be terminated."""
        return self.over or self.state == "CANCELING"

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Run:
        """Read what the API says about a run."""
        state = _state(answer.get("state"))
        history = [entry.get("state") for entry in answer.get("state_history", [])]
        details = answer.get("run_details", {}).get("task_details", [])
        tasks = sorted(map(_task, _tasks(details)), key=_order)
        reference = answer.get("pipeline_version_reference", {})
        return cls(
            id=answer["run_id"],
            name=answer.get("display_name", ""),
            state=state,
            error=answer.get("error", {}).get("message", ""),
            created=read_time(answer.get("created_at")),
            finished=read_time(answer.get("finished_at")),
            tasks=tuple(tasks),
            canceled=state in ("CANCELING", "CANCELED") or "CANCELING" in history,
            experiment_id=answer.get("experiment_id", ""),
            version_id=reference.get("pipeline_version_id", ""),
            recurring_id=answer.get("recurring_run_id", ""),
            parameters=answer.get("runtime_config", {}).get("parameters", {}),
        )


def read_time(text: str | None) -> datetime | None:
    """Read a time of the API; it writes the year 1970 for what has not happened."""
    if not text:
        return None
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment if moment.year > 1970 else None


def _state(text: str | None) -> State:
    return cast(State, text) if text in get_args(State) else "PENDING"


def _task(detail: Mapping[str, Any]) -> Task:
    pods = [child["pod_name"] for child in detail.get("child_tasks", []) if child.get("pod_name")]
    own = [detail["pod_name"]] if detail.get("pod_name") else []
    return Task(
        name=detail.get("display_name", ""),
        state=_state(detail.get("state")),
        started=read_time(detail.get("start_time")),
        ended=read_time(detail.get("end_time")),
        error=detail.get("error", {}).get("message", ""),
        pods=(*own, *pods),
    )


def _tasks(details: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the tasks of a pipeline among the nodes of its workflow.

    The ids of nodes begin with the name of the workflow, by which its own node is known.
    """
    nodes = {child.get("pod_name", "") for d in details for child in d.get("child_tasks", [])}
    for detail in details:
        name = _ATTEMPT.sub("", detail.get("display_name", ""))
        if (
            name
            and not _NO_TASK.fullmatch(name)
            and not any(n.startswith(f"{name}-") for n in nodes)
        ):
            yield detail


def _order(task: Task) -> tuple[datetime, str]:
    return task.started or datetime.max.replace(tzinfo=UTC), task.name
