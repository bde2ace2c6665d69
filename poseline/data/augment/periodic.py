"""The step that changes the size of whole batches."""

from __future__ import annotations

import numpy as np

from poseline.config.models.augmentation_steps import RandomPeriodicResizing


def size_of_batch(
    settings: RandomPeriodicResizing, step: int, seed: int, epoch_steps: int
) -> tuple[int, int]:
    """Return height and width of the pictures of a batch.

    Args:
        settings: Sizes to draw from, and the batches or epochs between two draws.
        step: Number of the batch, counted over all epochs.
        seed: The run's seed.
        epoch_steps: Batches of an epoch.
    """
    period = settings.period * (epoch_steps if settings.period_unit == "epochs" else 1)
    draw = np.random.default_rng((seed, step // period))
    return settings.image_sizes[int(draw.integers(len(settings.image_sizes)))]
