import pytest

from poseline.config.models.augmentation_steps import RandomPeriodicResizing
from poseline.data.augment.periodic import size_of_batch

SIZES = [[32, 32], [64, 64], [96, 96], [128, 128], [160, 160]]


@pytest.mark.parametrize(("unit", "batches"), [("batches", 3), ("epochs", 12)])
def test_sizes_change_every_so_many_batches_or_epochs(unit, batches):
    settings = RandomPeriodicResizing(image_sizes=SIZES, period=3, period_unit=unit)
    sizes = [size_of_batch(settings, step, seed=1, epoch_steps=4) for step in range(60 * batches)]
    periods = [set(sizes[i : i + batches]) for i in range(0, len(sizes), batches)]
    assert all(len(period) == 1 for period in periods)
    assert set.union(*periods) == {tuple(size) for size in SIZES}
