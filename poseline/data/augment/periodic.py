"""The step that changes the size of whole batches."""

from __future__ import annotations

import numpy as np

from poseline.config.models.augmentation_steps import RandomPeriodicResizing


def size_of_batch(settings: RandomPeriodicResizing, step: int, seed: int) -> tuple[int, int]:
    """Return height and width of the pictures of a batch.

    Args:
        settings: Sizes to draw from, and the batches between two draws.
        step: Number of the batch, counted over all epochs.
        seed: The run's seed.
    """
    draw = np.random.default_rng((seed, step // settings.period))
    return settings.image_sizes[int(draw.integers(len(settings.image_sizes)))]
