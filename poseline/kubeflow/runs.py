"""Runs, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from poseline.kubeflow.tasks import Node, Task, read_tasks

State = Literal[
    "PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CANCELING", "CANCELED", "PAUSED"
]
"""States of runs; a run that was only created is PENDING."""

OVER: tuple[State, ...] = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""States that nothing follows."""

_UNSETTLED = ("PENDING", "RUNNING", "CANCELING")


@dataclass(frozen=True)
class KubeflowRun:
    """A run of a pipeline.

    Attributes:
        id: Its id.
        name: Its display name.
        state: Its state; a run that was terminated ends FAILED or CANCELED.
        error: Why it failed, where the server says so.
        created: When it was created, UTC.
        finished: When it ended, UTC; None: not yet.
        tasks: Its tasks, by the time they began.
        settled: Whether its tasks are shown as they ended; the server notes that after the end of
            the run, and never where it lost track of the workflow.
        canceled: Whether somebody terminated it.
        experiment_id: The experiment that it is in.
        pipeline_id: The pipeline that it runs.
        version_id: The version of that pipeline.
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
    settled: bool = True
    canceled: bool = False
    experiment_id: str = ""
    pipeline_id: str = ""
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
    def read(cls, answer: Mapping[str, Any]) -> KubeflowRun:
        """Read what the API says about a run."""
        state = _state(answer.get("state"))
        history = [entry.get("state") for entry in answer.get("state_history", [])]
        canceled = state in ("CANCELING", "CANCELED") or "CANCELING" in history
        details = answer.get("run_details", {}).get("task_details", [])
        nodes = [_node(detail) for detail in details]
        reference = answer.get("pipeline_version_reference", {})
        return cls(
            id=answer["run_id"],
            name=answer.get("display_name", ""),
            state=state,
            error=answer.get("error", {}).get("message", ""),
            created=read_time(answer.get("created_at")),
            finished=read_time(answer.get("finished_at")),
            tasks=tuple(read_tasks(nodes, state, canceled=canceled)),
            settled=bool(nodes) and not any(node.state in _UNSETTLED for node in nodes),
            canceled=canceled,
            experiment_id=answer.get("experiment_id", ""),
            pipeline_id=reference.get("pipeline_id", ""),
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


def _node(detail: Mapping[str, Any]) -> Node:
    children = (child.get("pod_name") for child in detail.get("child_tasks", []))
    return Node(
        name=detail.get("display_name", ""),
        state=detail.get("state"),
        started=read_time(detail.get("start_time")),
        ended=read_time(detail.get("end_time")),
        error=detail.get("error", {}).get("message", ""),
        children=tuple(child for child in children if child),
    )
