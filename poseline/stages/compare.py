"""compare: what many runs measured in, one comparison of accuracy, flash and latency out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

from poseline.errors import DataError
from poseline.log import get_logger
from poseline.names import LATENCY_MS_ESTIMATE
from poseline.report.page import Page
from poseline.store.manifest import Manifest, entries, now, write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
RESULT, TABLE, PAGE, PICTURE = "compare.json", "compare.md", "compare.html", "compare.png"


@dataclass(frozen=True)
class Row:
    """One run; what was not measured is None.

    Attributes:
        name: What sets it apart: `alpha 0.35, input_size 192`.
        oks: OKS of the model that is meant for the board.
        oks_float: OKS before quantization.
        flash_kb: Flash in KB; an estimate.
        ram_kb: RAM in KB; an estimate.
        latency_ms: Time of an inference on the board in ms; an estimate.
        fits: Whether it fits on the board; an estimate.
        board: Name of the board.
        best_by_flash: Whether no other is at least as good in OKS and flash, and better in one.
        best_by_latency: The same with the latency.
    """

    name: str
    oks: float | None = None
    oks_float: float | None = None
    flash_kb: float | None = None
    ram_kb: float | None = None
    latency_ms: float | None = None
    fits: bool | None = None
    board: str = ""
    best_by_flash: bool = False
    best_by_latency: bool = False

    @classmethod
    def of(cls, name: str, manifests: Iterable[Manifest]) -> Row:
        """Read a run from what its evaluations and its benchmark left.

        Args:
            name: What sets the run apart.
            manifests: Of its stages; others than evaluate and benchmark do not count.
        """
        found = list(manifests)
        evaluations = [manifest for manifest in found if manifest.stage == "evaluate"]
        benchmark = next((manifest for manifest in found if manifest.stage == "benchmark"), None)
        meant = evaluations[-1:]
        if benchmark:
            model = benchmark.inputs.get("model")
            meant = [one for one in evaluations if one.inputs.get("model") == model] or meant
        before = [one for one in evaluations if one not in meant]
        row = cls(
            name,
            oks=meant[0].metrics.get("oks") if meant else None,
            oks_float=before[0].metrics.get("oks") if before else None,
        )
        if benchmark is None:
            return row
        figures = benchmark.metrics
        return replace(
            row,
            flash_kb=figures.get("flash_kb"),
            ram_kb=figures.get("ram_kb"),
            latency_ms=figures.get(LATENCY_MS_ESTIMATE),
            fits=bool(figures["fits"]) if "fits" in figures else None,
            board=str(benchmark.summary.get("board", "")),
        )


def run(runs: Mapping[str, Iterable[Manifest]], out: Path) -> list[Row]:
    """Compare runs and write `compare.json`, `compare.md`, `compare.html` and `compare.png`.

    Args:
        runs: What sets each run apart to the manifests of its stages.
        out: Folder to make.

    Returns:
        The runs, the most accurate first.

    Raises:
        DataError: There is nothing to compare.
    """
    rows = ranked(Row.of(name, manifests) for name, manifests in runs.items())
    if not rows:
        raise DataError("there is no run to compare", "name the folders of finished runs")
    with output_folder(out, "compare") as work:
        write_atomic(work / RESULT, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
        write_atomic(work / TABLE, table(rows))
        _draw(rows, work / PICTURE)
        write_atomic(work / PAGE, str(_page(rows, work / PICTURE)))
        Manifest("compare", "", files=entries(work), created=now()).write(work)
    _log.info("compared", runs=len(rows), best=rows[0].name)
    return rows


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Return runs with the Pareto fronts marked, the most accurate first."""
    found = sorted(rows, key=lambda row: (-_known(row.oks, -math.inf), row.name))
    by_flash = pareto([(_known(r.flash_kb), _known(r.oks)) for r in found])
    by_latency = pareto([(_known(r.latency_ms), _known(r.oks)) for r in found])
    return [
        replace(row, best_by_flash=index in by_flash, best_by_latency=index in by_latency)
        for index, row in enumerate(found)
    ]


def pareto(points: Sequence[tuple[float, float]]) -> set[int]:
    """Return which points no other dominates: costs no more, is worth no less, and betters one.

    Equal points do not dominate each other. A point with a NaN is never among them.

    Args:
        points: Cost and value of each.

    Returns:
        Their indices.
    """
    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    front: set[int] = set()
    best: float | None = None  # that lower costs are worth
    for _, alike in groupby(sorted(known, key=lambda i: points[i][0]), lambda i: points[i][0]):
        group = list(alike)
        top = max(points[i][1] for i in group)
        if best is None or top > best:
            front |= {i for i in group if points[i][1] == top}
            best = top
    return front


def table(rows: Sequence[Row]) -> str:
    """Return the comparison as Markdown."""
    lines = ["# Comparison", "", _sentence(rows), ""]
    lines += [f"| {' | '.join(_HEAD)} |", f"|---|---|{'---:|' * 5}---|---|"]
    lines += [f"| {' | '.join(_cells(number, row))} |" for number, row in enumerate(rows, 1)]
    return "\n".join(lines) + "\n"


_HEAD = (
    "",
    "run",
    "OKS",
    "OKS float",
    "flash KB (estimate)",
    "RAM KB (estimate)",
    "latency ms (estimate)",
    "fits",
    "best by",
)


def _cells(number: int, row: Row) -> list[str]:
    best = {"flash": row.best_by_flash, "latency": row.best_by_latency}
    return [
        str(number),
        row.name.replace("|", "\\|"),
        _figure(row.oks, ".3f"),
        _figure(row.oks_float, ".3f"),
        _figure(row.flash_kb, ",.0f"),
        _figure(row.ram_kb, ",.0f"),
        _figure(row.latency_ms, ",.1f"),
        {True: "yes", False: "no", None: "–"}[row.fits],
        ", ".join(name for name, is_best in best.items() if is_best),
    ]


def _sentence(rows: Sequence[Row]) -> str:
    boards = sorted({row.board for row in rows if row.board})
    place = f" on {', '.join(boards)}" if boards else ""
    return (
        f"Estimates{place}; benchmark.json of each run has the error of its latency. Best by "
        "flash or latency: no other run is at least as good in both, and better in one."
    )


def _page(rows: Sequence[Row], picture: Path) -> Page:
    page = Page("Comparison")
    page.text(_sentence(rows), muted=True)
    page.picture(picture, "OKS against flash and latency, the Pareto fronts drawn as lines")
    page.table(_HEAD, [_cells(number, row) for number, row in enumerate(rows, 1)])
    return page


def _draw(rows: Sequence[Row], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    flash = [(row.flash_kb, row.best_by_flash) for row in rows]
    latency = [(row.latency_ms, row.best_by_latency) for row in rows]
    for axes, costs, label in (
        (left, flash, "flash, KB (estimate)"),
        (right, latency, "latency, ms (estimate)"),
    ):
        front = []
        for number, (row, (cost, best)) in enumerate(zip(rows, costs, strict=True), 1):
            if cost is None or row.oks is None:
                continue
            colour = "#c8443c" if row.fits is False else "#2e6f9e"
            face = colour if best else "white"
            axes.plot([cost], [row.oks], "o", color=colour, mfc=face, ms=8, zorder=3)
            axes.annotate(str(number), (cost, row.oks), (6, 5), textcoords="offset points")
            front += [(cost, row.oks)] if best else []
        front.sort()
        axes.step(*zip(*front, strict=True) if front else ((), ()), where="post", color="#8aa")
        axes.set(xlabel=label)
        axes.margins(0.12)
        axes.grid(alpha=0.3)
    left.set(ylabel="OKS")
    figure.suptitle("filled, with a line: no other run is better in both; red: does not fit")
    figure.savefig(out, dpi=110)


def _known(value: float | None, otherwise: float = math.nan) -> float:
    return otherwise if value is None else value


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
