"""A comparison of runs as Markdown, as a page and as pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from poseline.names import MEASURED_IN_TFLM
from poseline.report.page import Page
from poseline.report.ranking import Group, Row

_HEAD = (
    "",
    "run",
    "OKS",
    "OKS float",
    "flash KB (estimate)",
    "RAM KB",
    "latency ms (estimate)",
    "fits",
    "best by",
    "board",
)
_MARKERS = "os^Dv<>PX*"
UNKNOWN = "–"
EXPLANATION = (
    "Flash and latency are estimates for the board; benchmark.json of each run has the error of "
    "its latency. RAM is the arena that TFLM took (TFLM), or an estimate. Best by flash or "
    "latency: no other run on the same board is at least as good "
    f"in both, and better in one. {UNKNOWN}: the run did not measure it."
)
SEPARATE = (
    "Accuracy can be compared between runs that were measured on the same test set and keypoints: "
    "each such group has a table of its own."
)


def markdown(groups: Sequence[Group], out: Path) -> str:
    """Return the comparison as Markdown.

    Args:
        groups: The runs.
        out: The folder that it is written to; reports are linked from there.
    """
    lines = ["# Comparison", "", EXPLANATION, ""]
    lines += [SEPARATE, ""] if len(groups) > 1 else []
    for group in groups:
        lines += [f"## {group.title}", ""] if len(groups) > 1 else []
        lines += [
            f"| {' | '.join((*_HEAD, 'directory'))} |",
            f"|---|---|{'---:|' * 5}---|---|---|---|",
        ]
        for number, row in enumerate(group.rows, 1):
            cells = [*cells_of(number, row), _link(row, out)]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def page(groups: Sequence[Group], pictures: Sequence[Path], out: Path) -> Page:
    """Return the comparison as a page; arguments as of `markdown`, with a picture for each."""
    made = Page("Comparison")
    made.text(EXPLANATION, muted=True)
    if len(groups) > 1:
        made.note(SEPARATE)
    for group, picture in zip(groups, pictures, strict=True):
        made.heading(group.title[0].upper() + group.title[1:])
        made.picture(picture, "OKS against flash and latency, the Pareto fronts drawn as lines")
        made.table(_HEAD, [cells_of(number, row) for number, row in enumerate(group.rows, 1)])
        reports = {row.name: _href(row.report, out) for row in group.rows if row.report}
        if reports:
            made.text("Reports:")
            made.links(reports)
    return made


def cells_of(number: int, row: Row) -> list[str]:
    """Return a run as texts, one for each column."""
    best = {"flash": row.best_by_flash, "latency": row.best_by_latency}
    return [
        str(number),
        row.name,
        figure(row.oks, ".3f"),
        figure(row.oks_float, ".3f"),
        figure(row.flash_kb, ",.0f"),
        _ram(row),
        figure(row.latency_ms, ",.1f"),
        {True: "yes", False: "no", None: UNKNOWN}[row.fits],
        ", ".join(name for name, is_best in best.items() if is_best),
        row.board or UNKNOWN,
    ]


def _ram(row: Row) -> str:
    source = {"": "", MEASURED_IN_TFLM: " (TFLM)"}.get(row.ram_source, f" ({row.ram_source})")
    return figure(row.ram_kb, ",.0f") + source


def figure(value: float | None, form: str) -> str:
    """Return a figure as text, or a dash where it was not measured."""
    return UNKNOWN if value is None else format(value, form)


def draw(rows: Sequence[Row], out: Path) -> None:
    """Draw OKS against flash and latency, each board with a marker and a front of its own."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = drawing.subplots(1, 2, sharey=True)
    flash = [(row.flash_kb, row.best_by_flash) for row in rows]
    latency = [(row.latency_ms, row.best_by_latency) for row in rows]
    _scatter(left, rows, flash, "flash, KB (estimate)")
    _scatter(right, rows, latency, "latency, ms (estimate)")
    left.set(ylabel="OKS")
    title = "filled, with a line: no other run on that board is better in both; red: does not fit"
    drawing.suptitle(title)
    if right.get_legend_handles_labels()[1]:
        right.legend(fontsize="small")
    drawing.savefig(out, dpi=110)


def _scatter(
    axes: Any, rows: Sequence[Row], costs: Sequence[tuple[float | None, bool]], label: str
) -> None:
    boards = list(dict.fromkeys(row.board for row in rows))
    fronts: dict[str, list[tuple[float, float]]] = {}
    for number, (row, (cost, best)) in enumerate(zip(rows, costs, strict=True), 1):
        if cost is None or row.oks is None:
            continue
        colour = "#c8443c" if row.fits is False else "#2e6f9e"
        marker = _MARKERS[boards.index(row.board) % len(_MARKERS)]
        told = row.board if row.board and row.board not in fronts and len(boards) > 1 else None
        face = colour if best else "white"
        axes.plot([cost], [row.oks], marker, color=colour, mfc=face, ms=8, zorder=3, label=told)
        axes.annotate(str(number), (cost, row.oks), (6, 5), textcoords="offset points")
        fronts.setdefault(row.board, []).extend([(cost, row.oks)] if best else [])
    for front in filter(None, fronts.values()):
        axes.step(*zip(*sorted(front), strict=True), where="post", color="#8aa")
    axes.set(xlabel=label)
    axes.margins(0.12)
    axes.grid(alpha=0.3)


def _link(row: Row, out: Path) -> str:
    if not row.folder:
        return UNKNOWN
    return f"[{Path(row.folder).name}]({_href(row.report or row.folder, out)})"


def _href(path: str, out: Path) -> str:
    return quote(Path(os.path.relpath(path, out.resolve())).as_posix())
