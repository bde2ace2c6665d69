"""Heatmaps whose tops are anywhere, the border included."""

from __future__ import annotations

from typing import Any

import numpy as np

CELLS = (12, 10, 17)


def gaussians(count: int, seed: int = 0) -> Any:
    """Return heatmaps (count, 12, 10, 17) with a noisy Gaussian each."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: CELLS[0], : CELLS[1]]
    top = random.uniform(-0.4, 1, (count, 1, 1, CELLS[2], 2)) * (CELLS[1], CELLS[0])
    away = (x[None, ..., None] - top[..., 0]) ** 2 + (y[None, ..., None] - top[..., 1]) ** 2
    heights = random.uniform(0.1, 1, (count, 1, 1, CELLS[2]))
    noise = random.uniform(0, 0.02, (count, *CELLS))
    return (heights * np.exp(-away / random.uniform(2, 6)) + noise).astype(np.float32)
