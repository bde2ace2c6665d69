"""How many cycles a core takes for a model, fitted on published times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from poseline.boards.published import MEASUREMENTS, Core, Measurement, Work

Array = np.ndarray[Any, Any]

_TERMS: dict[Core, tuple[str, ...]] = {
    "Cortex-M4": ("macc", "elements"),
    "Cortex-M33": ("macc", "elements"),
    "Cortex-M7": ("macc", "elements"),
    "Cortex-A7": ("macc",),
    "2 × Cortex-A7": ("macc",),
    "Neural-ART NPU": ("elements", "weights"),
    "GPU (per-channel weights)": ("elements", "weights"),
    "NPU (per-tensor weights)": ("elements",),
}
"""What the cycles of a core grow with: those that predict a model best that was left out of the
fit. Accelerators wait for memory more than they multiply."""


@dataclass(frozen=True)
class Calibration:
    """The cost of work on a core.

    Attributes:
        cycles: Term of `Work` to cycles for each of it.
        points: Published times that this rests on.
        error: Largest factor between estimate and publication, up or down, each model being
            estimated by a fit on the others.
    """

    cycles: dict[str, float]
    points: int
    error: float

    def estimate(self, work: Work) -> float:
        """Return the cycles of a model."""
        return float(sum(each * getattr(work, term) for term, each in self.cycles.items()))


@cache
def calibration(core: Core) -> Calibration:
    """Return the calibration of a core."""
    known = [m for m in MEASUREMENTS if m.core == core]
    terms = _TERMS[core]
    factors = []
    for left_out in known:
        rest = Calibration(_fit([m for m in known if m is not left_out], terms), 0, 0)
        factors.append(rest.estimate(left_out.work) / left_out.cycles)
    return Calibration(_fit(known, terms), len(known), max(*factors, 1 / min(factors)))


def _fit(known: Sequence[Measurement], terms: tuple[str, ...]) -> dict[str, float]:
    """Return the costs ≥ 0 of least relative squares, scaled so that both extremes are as far."""
    cycles = np.array([m.cycles for m in known])
    work = np.array([[getattr(m.work, term) for term in terms] for m in known]) / cycles[:, None]
    best, residual = np.zeros(len(terms)), np.inf
    for size in range(1, len(terms) + 1):
        for chosen in combinations(range(len(terms)), size):
            found = np.linalg.lstsq(work[:, chosen], np.ones(len(known)), rcond=None)[0]
            error = float(np.square(work[:, chosen] @ found - 1).sum())
            if (found >= 0).all() and error < residual:
                best, residual = np.zeros(len(terms)), error
                best[list(chosen)] = found
    ratios = work @ best
    balanced = best / np.sqrt(ratios.max() * ratios.min())
    return dict(zip(terms, map(float, balanced), strict=True))
