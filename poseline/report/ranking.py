"""Which of several runs is best: only among those that were measured on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from poseline.names import FITS, FLASH_KB, LATENCY_MS_ESTIMATE, RAM_KB
from poseline.store.manifest import Manifest


@dataclass(frozen=True)
class Row:
    """One run; what was not measured is None.

    Attributes:
        name: What sets it apart: `alpha 0.35, input_size 192`.
        oks: OKS of the model that is meant for the board.
        oks_float: OKS before quantization.
        flash_kb: Flash in KB; an estimate.
        ram_kb: RAM in KB.
        ram_source: Where that is from: `estimate`, or `measured in TFLM`.
        latency_ms: Time of an inference on the board in ms; an estimate.
        fits: Whether it fits on the board; an estimate.
        board: Name of the board.
        best_by_flash: Whether no other of this board and test set is at least as good in OKS and
            flash, and better in one.
        best_by_latency: The same with the latency.
        test_set: Hash of the pictures that the OKS was measured on; empty where it was not.
        pictures: How many those were.
        keypoints: Names of the keypoints that were measured.
        folder: The run directory; empty where it is not known.
        report: The report in it; empty where there is none.
    """

    name: str
    oks: float | None = None
    oks_float: float | None = None
    flash_kb: float | None = None
    ram_kb: float | None = None
    ram_source: str = ""
    latency_ms: float | None = None
    fits: bool | None = None
    board: str = ""
    best_by_flash: bool = False
    best_by_latency: bool = False
    test_set: str = ""
    pictures: int = 0
    keypoints: tuple[str, ...] = ()
    folder: str = ""
    report: str = ""

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
        if meant:
            row = _measured_on(row, meant[0])
        if benchmark is None:
            return row
        figures = benchmark.metrics
        return replace(
            row,
            flash_kb=figures.get(FLASH_KB),
            ram_kb=figures.get(RAM_KB),
            ram_source=str(benchmark.summary.get("ram_source", "")) if RAM_KB in figures else "",
            latency_ms=figures.get(LATENCY_MS_ESTIMATE),
            fits=bool(figures[FITS]) if FITS in figures else None,
            board=str(benchmark.summary.get("board", "")),
        )


@dataclass(frozen=True)
class Group:
    """Runs that can be ranked against each other, the most accurate first.

    Attributes:
        title: What their accuracy was measured on.
        rows: The runs.
    """

    title: str
    rows: tuple[Row, ...]


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Return runs by what their accuracy was measured on, those of most pictures first.

    Runs whose accuracy was not measured come last, in a group of their own.
    """
    groups: dict[tuple[bool, str, int, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        key = (row.oks is None, row.test_set, row.pictures, row.keypoints)
        groups.setdefault((True, "", 0, ()) if row.oks is None else key, []).append(row)
    order = sorted(groups, key=lambda key: (key[0], -key[2], key[1], key[3]))
    return [Group(_title(key, order), tuple(ranked(groups[key]))) for key in order]


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Return runs with the Pareto fronts of each board marked, the most accurate first."""
    found = sorted(rows, key=lambda row: (-_known(row.oks, -math.inf), row.name))
    by_flash: set[int] = set()
    by_latency: set[int] = set()
    for board in {row.board for row in found}:
        places = [index for index, row in enumerate(found) if row.board == board]
        here = [found[index] for index in places]
        flash = pareto([(_known(row.flash_kb), _known(row.oks)) for row in here])
        latency = pareto([(_known(row.latency_ms), _known(row.oks)) for row in here])
        by_flash |= {places[index] for index in flash}
        by_latency |= {places[index] for index in latency}
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


def _measured_on(row: Row, evaluation: Manifest) -> Row:
    return replace(
        row,
        test_set=evaluation.inputs.get("test", ""),
        pictures=int(evaluation.summary.get("pictures", 0)),
        keypoints=tuple(evaluation.summary.get("oks_per_keypoint", ())),
    )


def _title(
    key: tuple[bool, str, int, tuple[str, ...]],
    among: Sequence[tuple[bool, str, int, tuple[str, ...]]],
) -> str:
    unknown, test_set, pictures, keypoints = key
    if unknown:
        return "accuracy not measured"
    told = [
        f"test set {test_set[:8]}" if test_set else "a test set that is not named",
        f"{pictures:,} pictures" if pictures else "",
        f"{len(keypoints)} keypoints" if keypoints else "",
    ]
    alike = [other[3] for other in among if len(other[3]) == len(keypoints)]
    if keypoints and len(set(alike)) > 1:
        told.append(f"{keypoints[0]} … {keypoints[-1]}")
    return ", ".join(part for part in told if part)


def _known(value: float | None, otherwise: float = math.nan) -> float:
    return otherwise if value is None else value
