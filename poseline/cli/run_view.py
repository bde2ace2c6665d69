"""A run on the terminal: its tasks while it goes on, its figures at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from poseline.errors import GATE_NOT_PASSED, BackendError
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.runs import KubeflowRun, State
from poseline.kubeflow.tasks import Task, TaskState
from poseline.kubeflow.watch import watch
from poseline.log import get_logger
from poseline.names import FITS, LATENCY_MS_ESTIMATE, OKS_FLOAT, OKS_INT8, TAG_GATE
from poseline.number_format import format_number
from poseline.terminal import Console, one_line
from poseline.tracking.results import Result, result

Output = Literal["table", "json"]
CANCELED = 8
_STYLES = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "RUNNING": "cyan",
    "CANCELING": "yellow",
    "CANCELED": "yellow",
    "SKIPPED": "dim",
    "UNKNOWN": "yellow",
}
_FIGURES = (OKS_FLOAT, OKS_INT8, FITS, LATENCY_MS_ESTIMATE)
_TAGS = ("gate", "model_name", "model_version", "model_uri")
_log = get_logger(__name__)


def follow(
    kubeflow: Kubeflow, run: KubeflowRun, output: Output = "table", interval: float = 5
) -> int:
    """Show a run until it is over, and then what it came to.

    Args:
        kubeflow: The server.
        run: The run.
        output: A live table, or at the end one JSON object.
        interval: Pause between looks, s.

    Returns:
        The exit code: 0 succeeded, 1 failed, 7 where the model did not pass the gate, 8 canceled,
        130 where Ctrl-C ended the wait alone.
    """
    console, last = Console(stderr=output == "json"), run
    try:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for now in watch(kubeflow, run.id, interval=interval):
                    live.update(run_view(now), refresh=True)
                    last = now
        else:
            last = _line_by_line(kubeflow, run, console, interval)
    except KeyboardInterrupt:
        say(f"The run continues. To cancel it: poseline pipelines cancel {run.id}")
        return 130
    found = figures(last)
    show(last, output, found)
    return exit_code(last, found)


def exit_code(run: KubeflowRun, found: Result | None = None) -> int:
    """Return the exit code that a run that is over means, with what it came to where known."""
    if run.canceled:
        return CANCELED
    if run.state not in ("SUCCEEDED", "SKIPPED"):
        return 1
    refused = found is not None and found.tags.get(TAG_GATE) == "failed"
    return GATE_NOT_PASSED if refused else 0


def show(run: KubeflowRun, output: Output = "table", found: Result | None = None) -> None:
    """Print a run, and where it is known what it came to."""
    if output == "json":
        say_json(as_json(run, found))
        return
    console = Console()
    console.print(run_view(run))
    if run.error:
        console.print(run.error, markup=False, soft_wrap=True)
    for task in run.tasks:
        if task.error:
            console.print(f"{task.name}: {task.error}", markup=False, soft_wrap=True)
    if found:
        _show_result(run, found, console)


def _show_result(run: KubeflowRun, found: Result, console: Console) -> None:
    """Print why a run failed, and its figures where there are any."""
    if run.over and run.state != "SUCCEEDED" and (failure := found.failure):
        console.print(Text(str(failure), "red"), soft_wrap=True)
        console.print(f"exit code {failure.exit_code}", markup=False, highlight=False)
    table = result_table(found)
    if table.row_count:
        console.print(table)


def say_json(content: Any) -> None:
    """Print JSON for programs."""
    Console(soft_wrap=True, highlight=False, markup=False).print(json.dumps(content, indent=1))


def as_json(run: KubeflowRun, found: Result | None = None) -> dict[str, Any]:
    """Return a run as plain data; times in ISO 8601."""
    data = asdict(run)
    for part in (data, *data["tasks"]):
        for key, value in part.items():
            if isinstance(value, datetime):
                part[key] = value.isoformat()
    if found:
        data["metrics"], data["tags"] = dict(found.metrics), dict(found.tags)
        data["failure"] = asdict(found.failure) if found.failure and run.state == "FAILED" else None
    return data


def run_view(run: KubeflowRun) -> Group:
    """Return a run's name, state and id above its tasks, their states and how long each took."""
    state: State = "CANCELED" if run.canceled and run.over else run.state
    head = Text.assemble(f"{one_line(run.name)}  ", _colored(state), f"\n{run.id}")
    table = Table()
    table.add_column("task")
    table.add_column("state")
    table.add_column("attempts", justify="right")
    table.add_column("time", justify="right")
    for task in run.tasks:
        end = task.ended or run.finished or datetime.now(UTC)
        spent = (end - task.started).total_seconds() if task.started else 0
        tried = str(task.attempts) if task.attempts > 1 else ""
        time = "cached" if task.cached else f"{spent:,.0f} s" if spent > 0 else "–"
        table.add_row(one_line(task.label), _colored(task.state), tried, time)
    return Group(head, table) if run.tasks else Group(head)


def runs_table(runs: list[KubeflowRun]) -> Table:
    """Return runs, one a line."""
    table = Table(title="Runs", title_justify="left")
    for name in ("name", "state", "created", "id"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for run in runs:
        created = run.created.strftime("%Y-%m-%d %H:%M:%SZ") if run.created else "–"
        table.add_row(one_line(run.name), _colored(run.state), created, run.id)
    return table


def result_table(found: Result) -> Table:
    """Return the figures that a chain came to."""
    table = Table(title="Result", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right", overflow="fold")
    rest = [name for name in sorted(found.metrics) if name not in _FIGURES]
    for name in (*_FIGURES, *rest):
        if name in found.metrics:
            table.add_row(name, format_number(found.metrics[name]))
    for name in _TAGS:
        if value := found.tags.get(f"poseline.{name}"):
            table.add_row(name.replace("_", " "), value)
    return table


def _line_by_line(
    kubeflow: Kubeflow, run: KubeflowRun, console: Console, interval: float
) -> KubeflowRun:
    """Print each change of a state on a line of its own, for logs."""
    known: Mapping[str, str] = {}
    for now in watch(kubeflow, run.id, interval=interval):
        states = {task.name: _progress(task) for task in now.tasks} | {"run": now.state}
        for name, state in states.items():
            if known.get(name) != state:
                moment = datetime.now(UTC).strftime("%H:%M:%SZ")
                console.print(f"{moment}  {one_line(name)}  {state}", highlight=False, markup=False)
        known, run = states, now
    return run


def _progress(task: Task) -> str:
    """Return a task's state, with what else changes while it goes on."""
    done = f" {task.done}/{task.count}" if task.count > 1 else ""
    tried = f" (attempt {task.attempts})" if task.attempts > 1 else ""
    return f"{task.state}{done}{tried}"


def figures(run: KubeflowRun) -> Result | None:
    """Return what MLflow knows of a run; None: nothing, or it cannot be reached."""
    try:
        return result(run.id)
    except BackendError as error:
        _log.warning("no figures", why=error.message)
        return None


def _colored(state: State | TaskState) -> Text:
    return Text(state, _STYLES.get(state, ""))


def say(message: str) -> None:
    """Tell something beside the answer, on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(message)
