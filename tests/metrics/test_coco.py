import contextlib
import io

import numpy as np
import pytest

from poseline.data.keypoints import KNOWN
from poseline.metrics.coco import NAMES, evaluate, ground_truth


def random_set(seed, count):
    """A set with what happens: nobody in a picture, nobody found, ties, hidden keypoints."""
    random = np.random.default_rng(seed)
    sizes, boxes, keypoints, results = [], [], [], []
    for number in range(1, int(random.integers(5, 40))):
        people = int(random.integers(0, 5))
        corner, side = random.uniform(0, 100, (people, 2)), random.uniform(5, 200, (people, 2))
        pose = corner[:, None] + random.uniform(0, 1, (people, count, 2)) * side[:, None]
        seen = random.random((people, count, 1)) < random.uniform(0.2, 1)
        sizes.append((400, 400))
        boxes.append(np.concatenate([corner, side], axis=1))
        keypoints.append(np.concatenate([pose, seen], axis=2))
        invented = random.uniform(0, 300, (int(random.integers(0, 3)), count, 2))
        for person in [*pose[random.random(people) < 0.9], *invented]:
            noisy = person + random.normal(0, random.uniform(0, 12), person.shape)
            values = np.concatenate([noisy, np.ones((count, 1))], axis=1).ravel()
            score = float(random.choice([0.5, random.random()]))
            results.append(
                {"image_id": number, "category_id": 1, "score": score, "keypoints": values.tolist()}
            )
    return sizes, boxes, keypoints, results


@pytest.mark.parametrize("count", [13, 17, 21])
@pytest.mark.parametrize("seed", range(12))
def test_it_equals_pycocotools(count, seed):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    points = KNOWN[count]
    sizes, boxes, keypoints, results = random_set(seed, count)
    truth = ground_truth(sizes, boxes, keypoints, points)
    found = evaluate(truth, results, points)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = truth
        reference.createIndex()
        oracle = COCOeval(reference, reference.loadRes(results), "keypoints")
        oracle.params.kpt_oks_sigmas = np.asarray(points.sigmas)
        oracle.evaluate()
        oracle.accumulate()
        oracle.summarize()
    ours = [-1 if np.isnan(found.figures[name]) else found.figures[name] for name in NAMES]
    np.testing.assert_allclose(ours, oracle.stats, atol=1e-6)
    curves = np.maximum(oracle.eval["precision"][:, :, 0, 0, 0], 0)
    np.testing.assert_allclose(list(found.precision.values()), curves, atol=1e-6)
    assert list(found.precision) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def test_the_sets_are_neither_trivial_nor_hopeless():
    figures = []
    for seed in range(12):
        sizes, boxes, keypoints, results = random_set(seed, 17)
        points = KNOWN[17]
        truth = ground_truth(sizes, boxes, keypoints, points)
        figures.append(evaluate(truth, results, points).figures["ap"])
    assert min(figures) > 0.02
    assert max(figures) < 0.98


def test_nothing_found_is_zero():
    points = KNOWN[17]
    truth = ground_truth([(9, 9)], [np.array([[0, 0, 5, 5.0]])], [np.ones((1, 17, 3))], points)
    found = evaluate(truth, [], points)
    assert set(found.figures.values()) == {0.0}
    assert not any(curve.any() for curve in found.precision.values())
