"""From a model's outputs to keypoints, for every `model_type`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.config.models.config import Config
from poseline.config.models.keypoints import MOST_KEYPOINTS
from poseline.config.models.preprocessing import Decoding, Postprocessing
from poseline.data.definitions import agreed, unnamed
from poseline.data.keypoints import KNOWN, KeypointSet
from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.runtime.base import Runtime
from poseline.runtime.decode import decode_heatmaps, mean_logits

Array = np.ndarray[Any, Any]
_log = get_logger(__name__)
_MOST_SHARE, _MOST_OUTSIDE = 2.0, 3.0
"""How far outside of the input a coordinate may lie: what is larger than two inputs is in pixels,
what is larger than three times the input's pixels is neither."""
_MOST_TOLD = 6
_THRESHOLD, _THRESHOLD_OF_LOGITS = 0.15, 0.25


@dataclass(frozen=True)
class Detections:
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
        config: Its `general.model_type` and `postprocessing` count.
        points: Keypoints of a pose; None: as `points_seen` finds them.

    Attributes:
        runtime: The model.
        points: Keypoints of a pose.
        decoding: How heatmaps are read.
        logits: Whether the output is logits, whose softmax over the cells makes heatmaps.
        threshold: Confidence below which a keypoint does not count.

    Raises:
        ModelError: The model's outputs do not fit what the config declares.
    """

    def __init__(self, runtime: Runtime, config: Config, points: KeypointSet | None = None) -> None:
        self.runtime, self._type = runtime, config.general.model_type
        self.points = points or points_seen(runtime, config)
        self._keypoints = len(self.points)
        self._settings: Postprocessing = config.postprocessing
        metadata = runtime.metadata
        kept = metadata.decoding if metadata else None
        self.logits = metadata is not None and metadata.final_activation == "softmax"
        self.threshold = confidence_threshold(self._settings, logits=self.logits)
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
            seen = " or ".join(list(dict.fromkeys(known))[:_MOST_TOLD])
            raise ModelError(
                f"the model puts out {_shapes(runtime)}"
                + (f": that is {seen}" if seen else ", which is none of the known types")
                + f"; the config declares {self._type} with {self._keypoints} keypoints, which is "
                + _expected(*declared),
                "set general.model_type and dataset.keypoints to what the model is",
            )

    @property
    def _rows(self) -> bool:
        """Whether YOLO's output has a row a box, not a column."""
        first, second = self.runtime.output_shapes[self._fitting[0]]
        return second < first

    def predict(self, images: Array) -> list[Detections]:
        """Return the persons of each picture of a batch.

        Args:
            images: As `Runtime.predict` takes them. With `flip_test`, the heatmaps are the mean
                of the pictures' and of the mirrored pictures' ones.
        """
        outputs = self.runtime.predict(images)
        if self._flip:
            place = self._fitting[0]
            mirrored = self.runtime.predict(np.ascontiguousarray(images[:, :, ::-1]))[place]
            back = mirrored[:, :, ::-1][..., list(self.points.flip)]
            mean = mean_logits if self.logits else _mean
            outputs[place] = mean(outputs[place], back)
        return self.decode(outputs)

    def place(self, outputs: list[Array]) -> int:
        """Return which of a model's outputs is read."""
        if self._type == "hand_spe":
            # MediaPipe's model puts out landmarks in metres, too: smaller numbers than pixels.
            return max(self._fitting, key=lambda place: float(np.abs(outputs[place]).max()))
        return self._fitting[0]

    def decode(self, outputs: list[Array]) -> list[Detections]:
        """Return the persons of each picture of a batch from the model's outputs."""
        first = outputs[self.place(outputs)]
        if self._type == "heatmaps_spe":
            found = decode_heatmaps(first, self.decoding, logits=self.logits)
            return [_single(points) for points in found]
        if self._type == "yolo_mpe":
            return [self._yolo(candidates) for candidates in first]
        return [_single(self._regressed(values)) for values in first]

    def _regressed(self, values: Array) -> Array:
        """Coordinates that the model puts out: (y, x, score) as MoveNet has it, or a hand's."""
        points = values.reshape(self._keypoints, -1)
        if self._type == "hand_spe":
            # MediaPipe's landmarks: x and y in px of the input, and a depth that is not used.
            places, confidence = points[:, :2], np.ones((len(points), 1))
        else:
            places = points[:, 1::-1]
            confidence = points[:, 2:3] if points.shape[1] > 2 else np.ones((len(points), 1))
        return np.concatenate([as_shares(places, self._size, "keypoints"), confidence], axis=1)

    def _yolo(self, candidates: Array) -> Detections:
        """YOLO-pose: (5 + 3K, anchors): cx, cy, w, h, score, then x, y, score a keypoint.

        Transposed ones and those without suppression, (300, 6 + 3K) with corners and a class, too.
        """
        channels = candidates.shape[1] if self._rows else candidates.shape[0]
        rows = candidates if self._rows else candidates.T
        final, limit = channels == 6 + 3 * self._keypoints, self._settings.max_detection_boxes
        rows = rows[rows[:, 4] >= self._settings.confidence_thresh]
        boxes = as_shares(rows[:, :4], self._size * 2, "boxes")
        if final:
            order = np.argsort(-rows[:, 4], kind="stable")[:limit]
        else:
            corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
            kept = cv2.dnn.NMSBoxes(
                corners.tolist(),
                rows[:, 4].tolist(),
                self._settings.confidence_thresh,
                self._settings.NMS_thresh,
            )
            order = np.asarray(kept, int).ravel()[:limit]
        points = rows[order, channels - 3 * self._keypoints :].reshape(-1, self._keypoints, 3)
        places = as_shares(points[..., :2], self._size, "keypoints")
        return Detections(np.concatenate([places, points[..., 2:]], axis=2), rows[order, 4])


def points_seen(runtime: Runtime, config: Config, set_: KeypointSet | None = None) -> KeypointSet:
    """Return the keypoints of a model's poses.

    Args:
        runtime: The model; what its sidecar says counts, and where nobody else says anything, the
            shape of its output.
        config: Its `dataset.keypoints` and `general.model_type` count.
        set_: What the set says that the model is run on; None: there is no set.

    Raises:
        DataError: The model, the config and the set differ, or nobody says.
    """
    model = runtime.metadata.points if runtime.metadata else None
    if config.dataset.keypoints is None and model is None and set_ is None:
        kind = config.general.model_type
        counts = [n for shape in runtime.output_shapes for k, n in _described(shape) if k == kind]
        known = [count for count in counts if count in KNOWN] or list(dict.fromkeys(counts))
        model = unnamed(known[0]) if len(set(known)) == 1 else None
    return agreed(config.dataset.keypoints, set_=set_, model=model)


def as_shares(values: Array, size: tuple[int, ...], what: str) -> Array:
    """Return coordinates as shares of the input, told from pixels by their range.

    Args:
        values: (…, 2) or (…, 4): x and y in turn, of persons that are seen.
        size: Width and height of the input in pixels, in turn.
        what: What they are, for the message.

    Raises:
        ModelError: They are neither.
    """
    largest = float(np.abs(values).max(initial=0))
    if largest <= _MOST_SHARE:
        return values
    if largest <= _MOST_OUTSIDE * max(size):
        return np.asarray(values / np.asarray(size, np.float32))
    raise ModelError(
        f"the model's {what} range from {values.min():g} to {values.max():g}",
        f"expected shares of the input, about 0 to 1, or its pixels, about 0 to {max(size)}",
    )


def confidence_threshold(settings: Postprocessing, *, logits: bool) -> float:
    """Return `kpts_conf_thresh`, or its default for what a model's confidences are."""
    if settings.kpts_conf_thresh is not None:
        return settings.kpts_conf_thresh
    return _THRESHOLD_OF_LOGITS if logits else _THRESHOLD


def _mean(first: Array, second: Array) -> Array:
    return np.asarray((first + second) / 2)


def _single(points: Array) -> Detections:
    return Detections(points[None], np.asarray([points[:, 2].mean()]))


def _expected(kind: str, count: int) -> str:
    """Return the shapes that an output of a type has, without the batch and sides of 1."""
    points = f"({count}, 3), ({count}, 2), ({3 * count},) or ({2 * count},)"
    yolo = 5 + 3 * count
    return {
        "heatmaps_spe": f"(height, width, {count})",
        "spe": f"{points}, y before x",
        "hand_spe": f"{points}, in pixels of the input",
        "yolo_mpe": f"({yolo}, boxes), (boxes, {yolo}), or (boxes, {yolo + 1}) after suppression",
    }[kind]


def _described(shape: tuple[int, ...]) -> list[tuple[str, int]]:
    """Return the types and keypoint counts that an output of this shape can be."""
    found: list[tuple[str, int]] = []
    squeezed = tuple(side for side in shape if side != 1)
    if len(shape) == 3 and shape[0] > 4 and shape[1] > 4:
        found.append(("heatmaps_spe", shape[2]))
    if len(shape) == 2:
        found += [("yolo_mpe", count) for count in _yolo_keypoints(*shape)]
    for count in _regressed_keypoints(squeezed):
        found += [("hand_spe", count)] if count == 21 else []
        found.append(("spe", count))
    return found


def _regressed_keypoints(squeezed: tuple[int, ...]) -> list[int]:
    """Return how many keypoints coordinates of this shape can have; the known numbers first."""
    if len(squeezed) == 2:
        counts = [squeezed[0]] if squeezed[1] in (2, 3) else []
    elif len(squeezed) == 1:
        counts = [squeezed[0] // each for each in (3, 2) if squeezed[0] % each == 0]
    else:
        counts = []
    counts = [count for count in counts if 1 <= count <= MOST_KEYPOINTS]
    return sorted(counts, key=lambda count: count not in KNOWN)


def _yolo_keypoints(first: int, second: int) -> list[int]:
    """Return how many keypoints YOLO's boxes of this shape can have; there are more boxes."""
    channels, boxes = min(first, second), max(first, second)
    fixed = (5, 6) if second == channels else (5,)
    counts = [
        (channels - own) // 3 for own in fixed if channels > own and (channels - own) % 3 == 0
    ]
    return counts if boxes > channels else []


def _shapes(runtime: Runtime) -> str:
    return " and ".join(str(shape) for shape in runtime.output_shapes)
