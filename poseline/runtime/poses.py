"""From a model's outputs to keypoints, for every `model_type`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.config.config import Config
from poseline.config.preprocessing import Decoding, Postprocessing
from poseline.errors import ModelError
from poseline.runtime.decode import decode_heatmaps
from poseline.runtime.runtime import Runtime

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Found:
    """The persons that a model sees in one picture.

    Attributes:
        keypoints: (n, K, 3): x and y as shares of the input, confidence in [0, 1].
        scores: (n,) confidence of each person in [0, 1].
    """

    keypoints: Array
    scores: Array


class Decoder:
    """Reads the outputs of one model.

    Args:
        runtime: The model.
        config: Its `general.model_type`, `dataset.keypoints` and `postprocessing` count.

    Raises:
        ModelError: The model's outputs do not fit what the config declares.
    """

    def __init__(self, runtime: Runtime, config: Config) -> None:
        self._type, self._keypoints = config.general.model_type, config.dataset.keypoints or 17
        self._settings: Postprocessing = config.postprocessing
        kept = runtime.metadata.decoding if runtime.metadata else None
        self.decoding: Decoding = self._settings.decoding or kept or "argmax"
        self._size = runtime.input_shape[1], runtime.input_shape[0]
        expected = _described(runtime.output_shapes)
        if expected is None or (self._type, self._keypoints) not in expected:
            seen = " or ".join(f"{t} with {k} keypoints" for t, k in expected or ())
            raise ModelError(
                f"the model puts out {_shapes(runtime)}"
                + (f": that is {seen}" if seen else ", which is none of the known types")
                + f"; the config declares {self._type} with {self._keypoints} keypoints",
                "set general.model_type and dataset.keypoints to what the model is",
            )

    def decode(self, outputs: list[Array]) -> list[Found]:
        """Return the persons of each picture of a batch."""
        first = outputs[0]
        if self._type == "heatmaps_spe":
            return [_single(points) for points in decode_heatmaps(first, self.decoding)]
        if self._type == "yolo_mpe":
            return [self._yolo(candidates) for candidates in first]
        return [_single(self._regressed(values)) for values in first]

    def _regressed(self, values: Array) -> Array:
        """Coordinates that the model puts out: (y, x, score) as MoveNet has it, or a hand's."""
        points = values.reshape(self._keypoints, -1)
        if self._type == "hand_spe":
            # MediaPipe's landmarks: x and y in px of the input, and a depth that is not used.
            shares = points[:, :2] / self._size
            return np.concatenate([shares, np.ones((len(points), 1))], axis=1)
        confidence = points[:, 2:3] if points.shape[1] > 2 else np.ones((len(points), 1))
        return np.concatenate([points[:, 1::-1], confidence], axis=1)

    def _yolo(self, candidates: Array) -> Found:
        """YOLOv8-pose: (5 + 3K, anchors): cx, cy, w, h, score, then x, y, score a keypoint."""
        rows = candidates.T
        rows = rows[rows[:, 4] >= self._settings.confidence_thresh]
        scale = np.array(self._size if rows[:, :4].max(initial=0) > 2 else (1.0, 1.0))
        corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], axis=1)
        kept = cv2.dnn.NMSBoxes(
            corners.tolist(), rows[:, 4].tolist(), self._settings.confidence_thresh,
            self._settings.NMS_thresh,
        )  # fmt: skip
        order = np.asarray(kept, int).ravel()[: self._settings.max_detection_boxes]
        points = rows[order, 5:].reshape(-1, self._keypoints, 3).copy()
        points[..., :2] /= scale
        return Found(points, rows[order, 4])


def _single(points: Array) -> Found:
    return Found(points[None], np.asarray([points[:, 2].mean()]))


def _described(shapes: list[tuple[int, ...]]) -> set[tuple[str, int]] | None:
    """Return the types and keypoint counts that outputs of these shapes can be."""
    found: set[tuple[str, int]] = set()
    shape = shapes[0]
    squeezed = tuple(side for side in shape if side != 1)
    if len(shape) == 3 and shape[0] > 4 and shape[1] > 4:
        found.add(("heatmaps_spe", shape[2]))
    if len(shape) == 2 and shape[0] > 5 and (shape[0] - 5) % 3 == 0 and shape[1] > shape[0]:
        found.add(("yolo_mpe", (shape[0] - 5) // 3))
    for count in (13, 17, 21):
        if squeezed in ((count, 3), (count, 2), (count * 3,), (count * 2,)):
            found.add(("hand_spe" if count == 21 else "spe", count))
            found.add(("spe", count))
    return found or None


def _shapes(runtime: Runtime) -> str:
    return " and ".join(str(shape) for shape in runtime.output_shapes)
