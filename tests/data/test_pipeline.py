import gc
import weakref

import numpy as np

from poseline.data.evaluation_batches import EvaluationBatches
from poseline.data.keypoints import PERSON_17
from poseline.data.labels import unpack
from poseline.data.pipeline import TrainingSet
from poseline.data.yolo import list_samples


def all_of(batches):
    return [tuple(map(np.asarray, batch)) for batch in batches]


def test_an_epoch_is_a_pure_function_of_seed_and_epoch(tiny, yolo):
    samples = list_samples(yolo / "train")
    first = TrainingSet(samples, tiny, PERSON_17, (64, 64, 3), 8, seed=5, parallel=1)
    second = TrainingSet(samples, tiny, PERSON_17, (64, 64, 3), 8, seed=5, parallel=4)
    all_of(second.batches(0))
    for one, other in zip(all_of(first.batches(3)), all_of(second.batches(3)), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    other = all_of(first.batches(4))
    assert not np.array_equal(all_of(first.batches(3))[0][0], other[0][0])


def test_evaluation_keeps_order_and_every_picture(tiny, yolo):
    samples = list_samples(yolo / "val")
    batches = all_of(EvaluationBatches(samples, tiny.preprocessing, (64, 64, 3), 17, 3))
    images = np.concatenate([b[0] for b in batches])
    labels = unpack(np.concatenate([b[1] for b in batches]))
    assert images.shape == (len(samples), 64, 64, 3)
    assert images.min() >= -1
    assert images.max() <= 1
    assert (labels.sizes > 60).all()
    assert (labels.areas > 0).all()


def test_a_set_goes_when_its_batches_do(tiny, yolo):
    samples = list_samples(yolo / "train")
    data = TrainingSet(samples, tiny, PERSON_17, (64, 64, 3), 8, seed=5)
    batches = iter(data.batches(0))
    seen = weakref.ref(data)
    del data
    next(batches)
    assert seen() is not None  # it makes the batches that are still to come
    del batches
    gc.collect()
    assert seen() is None
