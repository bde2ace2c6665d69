"""COCO's average precision and recall of keypoints."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from poseline.data.keypoints import KeypointSet
from poseline.metrics.oks import AREA_SHARE

Array = np.ndarray[Any, Any]
NAMES = (
    *("ap", "ap50", "ap75", "ap_medium", "ap_large"),
    *("ar", "ar50", "ar75", "ar_medium", "ar_large"),
)
"""COCO's ten keypoint figures, in its order."""


def ground_truth(
    sizes: list[tuple[int, int]], boxes: list[Array], keypoints: list[Array], points: KeypointSet
) -> dict[str, Any]:
    """Return a set as COCO has it.

    Args:
        sizes: Width and height of each picture in px.
        boxes: (n, 4) of each picture: x, y of the corner, width, height in px.
        keypoints: (n, K, 3) of each picture: x, y in px, v.
        points: The convention.

    Returns:
        A COCO keypoints file. The area of a person is box area · 0.53, since YOLO's format has
        no outline.
    """
    annotations = [
        {
            "id": 0,
            "image_id": number,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [float(v) for v in box],
            "area": float(box[2] * box[3] * AREA_SHARE),
            "keypoints": [float(v) for v in (person * (1, 1, 2)).ravel()],
            "num_keypoints": int((person[:, 2] > 0).sum()),
        }
        for number, (many, people) in enumerate(zip(boxes, keypoints, strict=True), 1)
        for box, person in zip(many, people, strict=True)
    ]
    return {
        "info": {},
        "images": [
            {"id": n, "width": w, "height": h, "file_name": str(n)}
            for n, (w, h) in enumerate(sizes, 1)
        ],
        "annotations": [a | {"id": n} for n, a in enumerate(annotations, 1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(points.names)}],
    }


@dataclass(frozen=True)
class Precision:
    """What COCO says of results.

    Attributes:
        figures: `NAMES` to values in [0, 1]; NaN where COCO says -1, that is where there is no
            such person.
        recall: (101,) the recalls that COCO looks at.
        precision: OKS threshold to (101,) precision at each recall, for persons of every size.
    """

    figures: dict[str, float]
    recall: Array
    precision: dict[float, Array]


def evaluate(
    truth: dict[str, Any], results: list[dict[str, Any]], points: KeypointSet
) -> Precision:
    """Return COCO's ten figures and its curves.

    Args:
        truth: What `ground_truth` returns.
        results: COCO results: image_id, category_id, keypoints, score.
        points: The convention; its sigmas count.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    thresholds, recall = np.linspace(0.5, 0.95, 10), np.linspace(0, 1, 101)
    if not results:
        nothing = {round(float(t), 2): np.zeros(len(recall)) for t in thresholds}
        return Precision(dict.fromkeys(NAMES, 0.0), recall, nothing)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(truth)
        evaluation = COCOeval_faster(
            reference,
            reference.loadRes(results),
            iouType="keypoints",
            kpt_oks_sigmas=np.asarray(points.sigmas),
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    found = [float(v) for v in evaluation.stats[: len(NAMES)]]
    figures = {n: v if v >= 0 else float("nan") for n, v in zip(NAMES, found, strict=True)}
    curves = np.maximum(np.asarray(evaluation.eval["precision"])[:, :, 0, 0, 0], 0)
    by_threshold = {round(float(t), 2): c for t, c in zip(thresholds, curves, strict=True)}
    return Precision(figures, recall, by_threshold)
