import contextlib
import io

import numpy as np
import pytest

from poseline.data.keypoints import keypoint_set
from poseline.metrics.coco import NAMES, average_precision, ground_truth


@pytest.mark.parametrize("count", [13, 17, 21])
def test_it_equals_pycocotools(count):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    random, points = np.random.default_rng(count), keypoint_set(count)
    sizes, boxes, keypoints, results = [], [], [], []
    for number in range(1, 31):
        people = int(random.integers(1, 4))
        corner, side = random.uniform(0, 100, (people, 2)), random.uniform(20, 200, (people, 2))
        pose = corner[:, None] + random.uniform(0, 1, (people, count, 2)) * side[:, None]
        seen = random.random((people, count, 1)) < 0.8
        seen[:, 0] = True
        sizes.append((400, 400))
        boxes.append(np.concatenate([corner, side], axis=1))
        keypoints.append(np.concatenate([pose, seen], axis=2))
        for person in pose:
            noisy = person + random.normal(0, random.uniform(0, 12), person.shape)
            values = np.concatenate([noisy, np.ones((count, 1))], axis=1).ravel()
            results.append({"image_id": number, "category_id": 1, "score": float(random.random()),
                            "keypoints": values.tolist()})  # fmt: skip
    truth = ground_truth(sizes, boxes, keypoints, points)
    found = average_precision(truth, results, points)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = truth
        reference.createIndex()
        oracle = COCOeval(reference, reference.loadRes(results), "keypoints")
        oracle.params.kpt_oks_sigmas = np.asarray(points.sigmas)
        oracle.evaluate()
        oracle.accumulate()
        oracle.summarize()
    np.testing.assert_allclose([found[name] for name in NAMES], oracle.stats, atol=1e-6)
    assert 0.05 < found["ap"] < 0.95
