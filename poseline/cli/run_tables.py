"""The tables of runs: 80 columns are enough for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from poseline.cli.plain_table import plain_table
from poseline.report.comparison import EXPLANATION, SEPARATE, UNKNOWN, figure
from poseline.report.ranking import Group, Row
from poseline.runner.leaderboard import Entry
from poseline.runner.runs import RunDirectory

_SPANS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "min"))


def leaderboard(entries: Sequence[Entry], folder: Path) -> Table:
    """Return runs with their figures, one on two lines: name and state, figures and board."""
    table = plain_table(
        f"Runs in {folder}",
        f"flash, ms: estimates, as is RAM where TFLM did not measure it. {UNKNOWN}: not measured",
    )
    table.add_column("run, state", overflow="fold", min_width=24)
    table.add_column("age", no_wrap=True)
    for name in ("float", "int8", "flash KB", "RAM KB", "ms"):
        table.add_column(name, justify="right", no_wrap=len(name) < 6)
    table.add_column("board", overflow="fold", max_width=16)
    for entry in entries:
        project = f"{entry.project}: " if entry.project not in ("", "<unnamed>") else ""
        if entry.oks_validation is None or entry.oks_float is not None:
            trained = ""
        else:  # a training alone: the one figure that it has
            trained = f"\nOKS {entry.oks_validation:.3f} in validation"
        table.add_row(
            f"{entry.name}\n{project}{entry.detail}{trained}",
            age(entry.created),
            figure(entry.oks_float, ".3f"),
            figure(entry.oks_int8, ".3f"),
            *_costs(entry.flash_kb, entry.ram_kb, entry.latency_ms),
            _board(entry.board, entry.fits, "\n"),
        )
    if not entries:
        table.caption = f"No runs found in {folder}."
    return table


def run_table(entry: Entry) -> Table:
    """Return what a run is and came to, one figure a line."""
    table = plain_table(entry.name, f"estimate: computed from the model. {UNKNOWN}: not measured")
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    flash, ram, latency = _costs(entry.flash_kb, entry.ram_kb, entry.latency_ms)
    source = entry.ram_source or "estimate"
    lines = {
        "project": entry.project or UNKNOWN,
        "state": entry.detail,
        "last written": f"{entry.created:%Y-%m-%d %H:%M:%SZ}, {age(entry.created)} ago",
        "OKS, validation": figure(entry.oks_validation, ".3f"),
        "OKS float": figure(entry.oks_float, ".3f"),
        "OKS int8": figure(entry.oks_int8, ".3f"),
        "flash (estimate)": f"{flash} KB" if entry.flash_kb is not None else UNKNOWN,
        f"RAM ({source})": f"{ram} KB" if entry.ram_kb is not None else UNKNOWN,
        "latency (estimate)": f"{latency} ms" if entry.latency_ms is not None else UNKNOWN,
        "board": _board(entry.board, entry.fits),
    }
    for label, value in lines.items():
        table.add_row(label, value)
    return table


def steps_table(run: RunDirectory) -> Table:
    """Return the steps that finished, and those that did not."""
    table = plain_table("Steps")
    for name in ("step", "state", "folder"):
        table.add_column(name, overflow="fold")
    for folder, manifest in sorted(run.stages.items(), key=lambda item: item[1].created):
        ended = manifest.created.replace("+00:00", "Z").replace("T", " ")
        table.add_row(manifest.stage, f"finished {ended}", str(folder.relative_to(run.folder)))
    for number, stage in enumerate(run.missing):
        running = run.holder and number == 0
        table.add_row(stage, "running" if running else "not finished", UNKNOWN)
    return table


def files_of(run: RunDirectory) -> dict[str, str]:
    """Return where the report, the models and the config of a run are."""
    found = {"directory": str(run.folder)}
    if run.report:
        found["report"] = str(run.report)
    for folder, manifest in run.stages.items():
        if name := manifest.roles.get("model"):
            found[f"{manifest.stage} model"] = str(folder / name)
    return found


def comparison_tables(groups: Sequence[Group]) -> Iterator[RenderableType]:
    """Yield a table for the runs that can be compared with each other, with their folders."""
    if len(groups) > 1:
        yield SEPARATE
    for group in groups:
        table = plain_table(f"Runs by OKS: {group.title}")
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("run, board", overflow="fold", min_width=24)
        for name in ("OKS", "float", "flash KB", "RAM KB", "ms"):
            table.add_column(name, justify="right", no_wrap=len(name) < 6)
        table.add_column("best by")
        for number, row in enumerate(group.rows, 1):
            table.add_row(
                str(number),
                f"{row.name}\n{_board(row.board, row.fits)}",
                figure(row.oks, ".3f"),
                figure(row.oks_float, ".3f"),
                *_costs(row.flash_kb, row.ram_kb, row.latency_ms),
                "\n".join(_best(row)),
            )
        yield table
        for number, row in enumerate(group.rows, 1):
            if row.folder:
                yield f"{number:>2}  {row.report or row.folder}"
        yield ""
    yield EXPLANATION


def as_json(entry: Entry) -> dict[str, Any]:
    """Return a run as plain data; the time in ISO 8601."""
    return asdict(entry) | {"created": entry.created.isoformat()}


def age(moment: datetime) -> str:
    """Return how long ago a moment is: `12 min`, `3 h`, `5 d`."""
    seconds = max((datetime.now(UTC) - moment).total_seconds(), 0)
    for span, unit in _SPANS:
        if seconds >= span:
            return f"{seconds // span:.0f} {unit}"
    return f"{seconds:.0f} s"


def _costs(flash: float | None, ram: float | None, latency: float | None) -> tuple[str, str, str]:
    return figure(flash, ",.0f"), figure(ram, ",.0f"), figure(latency, ",.1f")


def _board(name: str, fits: bool | None, between: str = ", ") -> str:
    verdict = {True: "fits", False: "does not fit", None: ""}[fits]
    return between.join(filter(None, (name, verdict))) if name else UNKNOWN


def _best(row: Row) -> list[str]:
    found = {"flash": row.best_by_flash, "latency": row.best_by_latency}
    return [name for name, best in found.items() if best]
