"""Pictures of accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poseline.metrics.pck import pck

Array = np.ndarray[Any, Any]


_MOST_ABREAST = 40
"""Keypoints whose names are legible below bars that stand side by side."""
_ROW = 0.17
"""Height in inches of a keypoint's row."""


def plot_keypoints(names: Sequence[str], series: Mapping[str, Sequence[float]], out: Path) -> None:
    """Draw a bar a keypoint, side by side for several models; values in [0, 1].

    More keypoints than fit side by side, as whole bodies have, get a row each.
    """
    from matplotlib.figure import Figure

    rows = len(names) > _MOST_ABREAST
    size = (9, 0.8 + _ROW * len(names)) if rows else (9, 3.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / max(len(series), 1)
    places = np.arange(len(names))
    draw = axes.barh if rows else axes.bar
    for index, (label, values) in enumerate(series.items()):
        draw(places + (index - (len(series) - 1) / 2) * width, values, width, label=label)
    shown = [name.replace("_", " ") for name in names]
    if rows:
        axes.set_yticks(places, shown, fontsize=8)
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), title="OKS per keypoint")
    else:
        axes.set_xticks(places, shown, rotation=45, ha="right")
        # A single bar is no wider than one of two.
        margin = max(0.0, 1 - len(names) / 2)
        axes.set(ylim=(0, 1), title="OKS per keypoint")
        axes.set_xlim(-0.5 - margin, len(names) - 0.5 + margin)
    axes.grid(axis="x" if rows else "y", alpha=0.3)
    if len(series) > 1:
        axes.legend(frameon=False)
    figure.savefig(out, dpi=110)


def plot_curves(scores: Array, distances: Array, out: Path) -> None:
    """Draw the share of poses above each OKS, and PCK over its threshold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    known = np.sort(scores[np.isfinite(scores)])
    thresholds = np.linspace(0, 1, 101)
    above = [float((known >= t).mean()) if len(known) else 0.0 for t in thresholds]
    left.plot(thresholds, above)
    left.set(title="poses with at least this OKS", xlabel="OKS", ylim=(0, 1), xlim=(0, 1))
    reach = np.linspace(0, 0.5, 51)
    right.plot(reach, [pck(distances, t) for t in reach])
    right.set(title="PCK", xlabel="distance / larger side of the box", ylim=(0, 1), xlim=(0, 0.5))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(out, dpi=110)


def plot_precision(recall: Array, precision: Mapping[float, Array], out: Path) -> None:
    """Draw COCO's precision over recall, a line an OKS threshold."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(precision)))
    for (threshold, values), shade in zip(precision.items(), shades, strict=True):
        axes.plot(recall, values, color=shade, label=f"OKS ≥ {threshold:.2f}")
    axes.set(
        title="precision and recall",
        xlabel="recall",
        ylabel="precision",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(out, dpi=110)
