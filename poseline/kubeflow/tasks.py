"""The tasks of a run, found among the nodes of its Argo workflow.

KFP's API lists every node: graphs, drivers, launchers, loops, and with the settings that KFP ships
an attempt `name(0)` below each of them. It gives neither their ids nor the graph that they are in,
only the ids of their children; but Argo makes an id of a node's full name, so that the full names
are found from the root downwards.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

TaskState = Literal["PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CANCELED", "UNKNOWN"]
"""States of a task; UNKNOWN: the run is over, and the server does not know how the task ended."""

_OVER = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED", "UNKNOWN")
_STRUCTURE = re.compile(
    r"root|executor|iteration|iteration-iterations|iteration-item|"
    r"(condition|condition-branches|exit-handler|for-loop)(-.*)?|.*\.onExit"
)
"""Names of what KFP makes of a pipeline beside its tasks."""
_DRIVER, _HOOK = "-driver", ".onExit"
_ATTEMPT = re.compile(r"\((\d+)\)$")
_INDEX = re.compile(r"(\(\d+(:[^()]*)?\))+$")
"""Attempts, and the items of a loop."""
_MOST_NODES = 5000
_FNV_START, _FNV_PRIME, _FNV_MASK = 2166136261, 16777619, 0xFFFFFFFF


@dataclass(frozen=True)
class Node:
    """A node of a workflow, as the API describes it.

    Attributes:
        name: Its display name.
        state: Its state; None where the server has none, as of a task that was left out.
        started: When it began, UTC.
        ended: When it ended, UTC.
        error: Why it failed, where the server says so.
        children: Ids of the nodes below or after it.
    """

    name: str
    state: str | None
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A task of a run; what a loop repeats is one task.

    Attributes:
        name: Its name in the pipeline.
        state: Its state; in a loop FAILED as soon as one has failed.
        started: When the first of it began, UTC; None: not yet, or never.
        ended: When the last of it ended, UTC; None: not yet, or never.
        error: Why it failed, where that is known.
        pods: Ids of its pods' nodes, the first attempt first.
        count: How often it is in the run: the passes of a loop that have begun.
        done: How many of those have succeeded.
        attempts: The most attempts that one of those took.
        cached: Whether all of it came from Kubeflow's cache: it ended the second that it began,
            which no pod does.
    """

    name: str
    state: TaskState
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    pods: tuple[str, ...] = ()
    count: int = 1
    done: int = 0
    attempts: int = 1
    cached: bool = False

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state in _OVER

    @property
    def label(self) -> str:
        """Its name, and in a loop how many are done: `train 3/4`."""
        return f"{self.name} {self.done}/{self.count}" if self.count > 1 else self.name


def read_tasks(nodes: Sequence[Node], run_state: str, *, canceled: bool = False) -> list[Task]:
    """Return the tasks of a run, by the time they began; those that never ran come last.

    Args:
        nodes: All nodes of the workflow.
        run_state: The run's state. In a run that is over no task is pending or running, whatever
            the server noted last: it loses track of a workflow above 1 MiB.
        canceled: Whether somebody ended the run.
    """
    pods = _pods(nodes)
    flow = _flow(nodes)
    names = {node.name for node in nodes}
    grouped: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        name = _ATTEMPT.sub("", node.name)
        # An attempt stands for its task only where the node above it is not listed.
        if name == node.name or name not in names:
            grouped[name].append(node)
    tasks = [
        _task(name, found, pods.get(name, {}), run_state, canceled)
        for name, found in grouped.items()
        if name and name != flow and not name.endswith(_DRIVER) and not _is_structure(name)
    ]
    found = {task.name: task for task in tasks}
    for name, drivers in grouped.items():
        failed = next((node for node in drivers if node.state == "FAILED"), None)
        if failed and name.endswith(_DRIVER):
            task = _undriven(name, failed, found)
            found[task.name] = task
    return sorted(found.values(), key=_order)


def fnv(text: str, state: int = _FNV_START) -> int:
    """Return the FNV-1a hash of 32 bits by which Argo names nodes.

    Args:
        text: What is hashed.
        state: The hash of what comes before it.
    """
    for byte in text.encode():
        state = (state ^ byte) * _FNV_PRIME & _FNV_MASK
    return state


def _is_structure(name: str) -> bool:
    return bool(_STRUCTURE.fullmatch(_INDEX.sub("", name)))


def _task(
    name: str,
    nodes: Sequence[Node],
    pods: Mapping[str, Sequence[str]],
    run_state: str,
    canceled: bool,
) -> Task:
    states = [_state(node, run_state, canceled) for node in nodes]
    ran = [node for node, state in zip(nodes, states, strict=True) if state != "SKIPPED"]
    begun = [node.started for node in ran if node.started]
    ended = [node.ended for node in ran if node.ended]
    state = _together(states)
    first, last = min(begun, default=None), max(ended, default=None)
    return Task(
        name,
        state,
        started=first,
        ended=last if state in _OVER else None,
        error=next((node.error for node in nodes if node.error), ""),
        pods=tuple(pod for attempts in pods.values() for pod in attempts),
        count=len(nodes),
        done=states.count("SUCCEEDED"),
        attempts=max([1, *map(len, pods.values())]),
        cached=state == "SUCCEEDED" and first is not None and first == last,
    )


def _state(node: Node, run_state: str, canceled: bool) -> TaskState:
    """Return the state of one node, in agreement with that of its run."""
    match node.state:
        case "SUCCEEDED" | "SKIPPED" | "FAILED" | "CANCELED":
            return node.state
        case "RUNNING" | "CANCELING" | "PAUSED":
            now: TaskState = "RUNNING"
        case "PENDING":
            now = "PENDING"
        case _:
            return "SKIPPED"
    if run_state not in ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"):
        return now
    if canceled or run_state == "CANCELED":
        return "CANCELED" if now == "RUNNING" else "SKIPPED"
    if run_state == "SUCCEEDED":
        return "SUCCEEDED"
    return "UNKNOWN" if now == "RUNNING" else "SKIPPED"


def _together(states: Iterable[TaskState]) -> TaskState:
    """Return the state of a task that is there several times."""
    there = set(states)
    for state in ("FAILED", "RUNNING", "CANCELED", "UNKNOWN", "PENDING"):
        if state in there:
            return state
    return "SUCCEEDED" if "SUCCEEDED" in there else "SKIPPED"


def _undriven(name: str, driver: Node, tasks: Mapping[str, Task]) -> Task:
    """Return the task whose driver failed: KFP shows it as left out, or not at all."""
    why = driver.error or f"{name} failed: Kubeflow could not resolve its inputs or its pod"
    task = name.removesuffix(_DRIVER)
    if task not in tasks:
        return Task(
            task if not _is_structure(task) else name, "FAILED", driver.started, driver.ended, why
        )
    known = tasks[task]
    started, ended = known.started or driver.started, known.ended or driver.ended
    return replace(known, state="FAILED", started=started, ended=ended, error=known.error or why)


def _order(task: Task) -> tuple[datetime, str]:
    return task.started or datetime.max.replace(tzinfo=UTC), task.name


def _flow(nodes: Sequence[Node]) -> str:
    """Return the name of the workflow, with which the ids of its nodes begin."""
    ids = (child for node in nodes for child in node.children)
    return next((child.rpartition("-")[0] for child in ids if "-" in child), "")


def _pods(nodes: Sequence[Node]) -> dict[str, dict[str, list[str]]]:
    """Return the pods of each task: full name of the task's launcher to the ids of its attempts."""
    flow, ids = _flow(nodes), {child for node in nodes for child in node.children}
    if not flow or len(nodes) > _MOST_NODES:
        return {}
    shown = {node.name for node in nodes}
    found = {match[0]: int(match[1]) for name in shown if (match := _ATTEMPT.search(name))}
    names = sorted(name for name in shown if not _ATTEMPT.search(name))
    attempts = sorted(found, key=found.__getitem__)
    pods: dict[str, dict[str, list[str]]] = defaultdict(dict)
    # A node's full name, and the task and the launcher that it belongs to.
    waiting: list[tuple[str, str]] = [(flow, "")]
    known = {flow}
    while waiting:
        full, task = waiting.pop()
        start = fnv(full)
        below = [(f".{name}", name) for name in names] + [(a, "") for a in (*attempts, _HOOK)]
        for suffix, name in below:
            made = full + suffix
            node_id = f"{flow}-{fnv(suffix, start)}"
            if node_id not in ids or made in known:
                continue
            known.add(made)
            own = task if not name or _is_structure(name) else name
            waiting.append((made, own))
            if own and _INDEX.sub("", made).endswith(".executor"):
                pods[own].setdefault(_INDEX.sub("", made), []).append(node_id)
    return {task: {k: _leaves(v) for k, v in each.items()} for task, each in pods.items()}


def _leaves(ids: list[str]) -> list[str]:
    """Return the attempts alone where there are any: the node above them has no pod."""
    return ids[1:] if len(ids) > 1 else ids
