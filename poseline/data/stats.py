"""What is in a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseline.data.image_header import probe
from poseline.data.keypoints import KeypointSet
from poseline.data.yolo import Sample, read_label
from poseline.store.drawing import write_figure

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Statistics:
    """Figures of a set.

    Attributes:
        points: The convention.
        pictures: Number of pictures.
        visible: (K,) share of the persons whose keypoint is labelled.
        scales: Square root of each person's share of its picture, in [0, 1].
        aspects: Width over height of each person's box in px.
    """

    points: KeypointSet
    pictures: int
    visible: Array
    scales: Array
    aspects: Array


def statistics(samples: Sequence[Sample], points: KeypointSet) -> Statistics:
    """Return the figures of a set in YOLO Darknet format.

    Args:
        samples: Its pictures and labels.
        points: Its keypoints.

    Raises:
        DataError: A picture or a label cannot be read.
    """
    boxes, seen, ratios = [], [], []
    for sample in samples:
        poses, info = read_label(sample.label, len(points)), probe(sample.image)
        boxes.append(poses.boxes)
        seen.append(poses.keypoints[..., 2])
        ratios.append(np.full(len(poses), info.width / info.height if info else np.nan))
    every, shown = np.concatenate(boxes), np.concatenate(seen)
    return Statistics(
        points,
        len(samples),
        shown.mean(axis=0) if len(shown) else np.zeros(len(points)),
        np.sqrt(every[:, 2] * every[:, 3]),
        every[:, 2] / np.maximum(every[:, 3], 1e-6) * np.concatenate(ratios),
    )


def plot(found: Statistics, out: Path) -> None:
    """Draw the figures side by side, into a picture."""
    from matplotlib.figure import Figure

    height = max(4.2, 0.9 + 0.2 * len(found.points))
    figure = Figure(figsize=(12, height), layout="constrained")
    figure.suptitle(f"{found.pictures:,} pictures, {len(found.scales):,} persons")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
    names = [name.replace("_", " ") for name in found.points.names]
    bars = left.barh(names[::-1], found.visible[::-1])
    left.bar_label(bars, [f"{share:.0%}" for share in found.visible[::-1]], padding=3, fontsize=8)
    left.set(title="labelled keypoints", xlim=(0, 1.12), xticks=(0, 0.5, 1))
    _histogram(middle, found.scales, 1)
    middle.set(title="size of the persons", xlabel="√ of the share of the picture")
    _histogram(right, found.aspects, 3)
    right.set(title="shape of the persons", xlabel="width / height")
    write_figure(out, figure)


def _histogram(axes: Any, values: Array, most: float) -> None:
    """Draw a histogram from 0 to `most`, which holds what is above it too, with the median."""
    known = values[np.isfinite(values)]
    axes.hist(np.clip(known, 0, most), bins=30, range=(0, most))
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("persons")
    if len(known):
        median = float(np.median(known))
        axes.axvline(min(median, most), color="black", linewidth=1)
        axes.annotate(
            f" median {median:.2f}",
            (min(median, most), 1),
            va="top",
            xycoords=("data", "axes fraction"),
            fontsize=8,
        )
