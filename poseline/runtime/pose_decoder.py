"""From a model's outputs to keypoints, for every `model_type`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.config.models.config import Config
from poseline.config.models.preprocessing import Decoding, Postprocessing
from poseline.data.keypoints import keypoint_set
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.runtime.decode import decode_heatmaps
from poseline.runtime.runtime import Runtime

Array = np.ndarray[Any, Any]
_log = get_logger(__name__)


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
    """Runs a model and reads its outputs.

    Args:
        runtime: The model. Of several outputs the first one counts that fits what the config
            declares; of a hand's, the one in pixels.
        config: Its `general.model_type`, `dataset.keypoints` and `postprocessing` count.

    Raises:
        ModelError: The model's outputs do not fit what the config declares.
    """

    def __init__(self, runtime: Runtime, config: Config) -> None:
        self._runtime = runtime
        self._type, self._keypoints = config.general.model_type, config.dataset.keypoints or 17
        self._settings: Postprocessing = config.postprocessing
        kept = runtime.metadata.decoding if runtime.metadata else None
        self.decoding: Decoding = self._settings.decoding or kept or "argmax"
        self._size = runtime.input_shape[1], runtime.input_shape[0]
        self._flip = self._settings.flip_test and self._type == "heatmaps_spe"
        if self._settings.flip_test and not self._flip:
            _log.warning("flip_test is for heatmaps and left out", model_type=self._type)
        declared = (self._type, self._keypoints)
        described = [_described(shape) for shape in runtime.output_shapes]
        self._fitting = [place for place, found in enumerate(described) if declared in found]
        if not self._fitting:
            known = (
                f"{kind} with {count} keypoints" for found in described for kind, count in found
            )
            seen = " or ".join(dict.fromkeys(known))
            raise ModelError(
                f"the model puts out {_shapes(runtime)}"
                + (f": that is {seen}" if seen else ", which is none of the known types")
                + f"; the config declares {self._type} with {self._keypoints} keypoints, which is "
                + _expected(*declared),
                "set general.model_type and dataset.keypoints to what the model is",
            )

    @property
    def output(self) -> int:
        """Place of the output that is read; of a hand's, the first that may be in pixels."""
        return self._fitting[0]

    def see(self, images: Array) -> list[Found]:
        """Return the persons of each picture of a batch.

        Args:
            images: As `Runtime.predict` takes them. With `flip_test`, the heatmaps are the mean
                of the pictures' and of the mirrored pictures' ones.
        """
        outputs = self._runtime.predict(images)
        if self._flip:
            place = self._fitting[0]
            mirrored = self._runtime.predict(np.ascontiguousarray(images[:, :, ::-1]))[place]
            back = mirrored[:, :, ::-1][..., list(keypoint_set(self._keypoints).flip)]
            outputs[place] = (outputs[place] + back) / 2
        return self.decode(outputs)

    def decode(self, outputs: list[Array]) -> list[Found]:
        """Return the persons of each picture of a batch from the model's outputs."""
        first = outputs[self._fitting[0]]
        if self._type == "heatmaps_spe":
            return [_single(points) for points in decode_heatmaps(first, self.decoding)]
        if self._type == "yolo_mpe":
            return [self._yolo(candidates) for candidates in first]
        if self._type == "hand_spe":
            # MediaPipe's model puts out landmarks in metres, too: smaller numbers than pixels.
            first = max((outputs[place] for place in self._fitting), key=lambda o: np.abs(o).max())
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
            corners.tolist(),
            rows[:, 4].tolist(),
            self._settings.confidence_thresh,
            self._settings.NMS_thresh,
        )
        order = np.asarray(kept, int).ravel()[: self._settings.max_detection_boxes]
        points = rows[order, 5:].reshape(-1, self._keypoints, 3).copy()
        points[..., :2] /= scale
        return Found(points, rows[order, 4])


def _single(points: Array) -> Found:
    return Found(points[None], np.asarray([points[:, 2].mean()]))


def _expected(kind: str, count: int) -> str:
    """Return the shapes that an output of a type has, without the batch and sides of 1."""
    points = f"({count}, 3), ({count}, 2), ({3 * count},) or ({2 * count},)"
    return {
        "heatmaps_spe": f"(height, width, {count})",
        "spe": f"{points}, y before x",
        "hand_spe": f"{points}, in pixels of the input",
        "yolo_mpe": f"({5 + 3 * count}, boxes)",
    }[kind]


def _described(shape: tuple[int, ...]) -> list[tuple[str, int]]:
    """Return the types and keypoint counts that an output of this shape can be."""
    found: list[tuple[str, int]] = []
    squeezed = tuple(side for side in shape if side != 1)
    if len(shape) == 3 and shape[0] > 4 and shape[1] > 4:
        found.append(("heatmaps_spe", shape[2]))
    if len(shape) == 2 and shape[0] > 5 and (shape[0] - 5) % 3 == 0 and shape[1] > shape[0]:
        found.append(("yolo_mpe", (shape[0] - 5) // 3))
    for count in (13, 17, 21):
        if squeezed in ((count, 3), (count, 2), (count * 3,), (count * 2,)):
            found += [("hand_spe", count)] if count == 21 else []
            found.append(("spe", count))
    return found


def _shapes(runtime: Runtime) -> str:
    return " and ".join(str(shape) for shape in runtime.output_shapes)
