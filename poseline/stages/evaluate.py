"""evaluate: a model and a test set in, OKS, AP, PCK and plots out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from poseline.config.models.config import Config
from poseline.data.crops import Frame, cropped
from poseline.data.evaluation_batches import EvaluationBatches
from poseline.data.keypoints import KeypointSet
from poseline.data.preprocess import Transform
from poseline.data.set_file import set_file_text
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.data.yolo import Poses, Sample, read_label, split
from poseline.log import get_logger
from poseline.metrics import coco, plots
from poseline.metrics.oks import keypoint_similarity, nanmean
from poseline.metrics.pck import normalized_distance, pck
from poseline.models.file import size_kb
from poseline.progress import Progress
from poseline.runtime import (
    Runtime,
    check_channels,
    input_rescaling,
    open_model,
    warn_of_other_pictures,
)
from poseline.runtime.compared import ComparedRuntime
from poseline.runtime.pose_decoder import Decoder, Detections, points_seen
from poseline.runtime.tflm import TFLMRuntime
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
_BATCH = 16
METRICS, PREDICTIONS, KEYPOINTS = "metrics.json", "predictions.json", "keypoints.yaml"
TIMES = "times.json"
"""Apart from the metrics, which are the same in every run."""
BARS, CURVES, PRECISION = "keypoints.png", "curves.png", "precision_recall.png"


def run(config: Config, inputs: Inputs, out: Path, *, part: str | None = None) -> StageResult:
    """Evaluate a model.

    OKS is the mean over the pictures of the best pose found for the largest person. AP and AR are
    COCO's, with all persons. PCK counts keypoints within 0.1 of the box's larger side. The rate in
    pictures/s is the model's alone, in batches of 16; reading the pictures is not in it.

    With `dataset.crop_persons` each person's crop is such a picture; the predictions are in px of
    the whole one.

    With `evaluation.target: tflm`, the figures of a .tflite model are those of TFLM's kernels;
    `host_oks` is LiteRT's, and `largest_difference` the largest one between their outputs.

    Args:
        config: The evaluate slice or the whole config.
        inputs: `model` and `test`.
        out: Folder to make.
        part: `validation`: evaluate only the part of `test` that a training held out.

    Raises:
        DataError: The test set cannot be read.
        ModelError: The model cannot be loaded, or does not fit what the config declares.
    """
    samples = samples_of(inputs["test"])
    stated = points_of(inputs["test"], samples)
    if part == "validation":
        _, samples = split(samples, config.dataset.validation_split, config.dataset.seed)
    host = open_model(inputs["model"], config.general.num_threads_tflite)
    runtime = _targeted(config, inputs["model"], host)
    check_channels(runtime, config.preprocessing.color_mode)
    points = points_seen(host, config, stated)
    if config.dataset.crop_persons:
        samples = cropped(samples, len(points), config.dataset.crop_margin)
    warn_of_other_pictures(host, cropped=config.dataset.crop_persons)
    decoder = Decoder(runtime, config, points)
    predictions = _predict(config, decoder, inputs["test"], samples)
    similarity = _similarity(predictions, points)
    scores = nanmean(similarity, axis=1)
    distances = normalized_distance(predictions.predicted, predictions.truth, predictions.boxes)
    per_keypoint = dict(zip(points.names, map(float, nanmean(similarity, axis=0)), strict=True))
    metrics = {"oks": float(nanmean(scores)), "pck": pck(distances)}
    precision = coco.evaluate(predictions.coco, predictions.results, points)
    metrics |= precision.figures
    times = {"pictures_per_s": len(samples) / max(predictions.seconds, 1e-9)}
    if isinstance(runtime, ComparedRuntime):
        on_host = _predict(config, Decoder(host, config, points), inputs["test"], samples)
        metrics["host_oks"] = float(nanmean(nanmean(_similarity(on_host, points), axis=1)))
        metrics["largest_difference"] = runtime.largest_difference
    calibrated = runtime.metadata.calibrated if runtime.metadata else None
    summary: dict[str, Any] = {
        "pictures": len(samples),
        "oks_per_keypoint": per_keypoint,
        "format": runtime.format,
        "model_kb": size_kb(inputs["model"]),
        "input_dtype": runtime.input_dtype,
        "accuracy_known": calibrated is not False,
        "threshold": decoder.threshold,
    }
    if calibrated is False:
        _log.warning("the model was calibrated on random data: its accuracy says nothing")
    with output_folder(out, "evaluate", sources=inputs.values()) as work:
        write_atomic(work / METRICS, json.dumps(metrics | {"oks_per_keypoint": per_keypoint}))
        write_atomic(work / TIMES, json.dumps(times))
        write_atomic(work / PREDICTIONS, json.dumps(predictions.results))
        write_atomic(work / KEYPOINTS, set_file_text(points))
        plots.plot_keypoints(
            points.names, {runtime.format: list(per_keypoint.values())}, work / BARS
        )
        plots.plot_curves(scores, distances, work / CURVES)
        roles = {
            "metrics": METRICS,
            "predictions": PREDICTIONS,
            "points": KEYPOINTS,
            "keypoints": BARS,
            "curves": CURVES,
        }
        if config.postprocessing.plot_metrics:
            plots.plot_precision(precision.recall, precision.precision, work / PRECISION)
            roles["precision"] = PRECISION
        finish(
            "evaluate",
            config,
            inputs,
            work,
            roles=roles,
            metrics={k: v for k, v in (metrics | times).items() if np.isfinite(v)},
            summary=summary,
        )
    _log.info("evaluated", model=inputs["model"].name, oks=f"{metrics['oks']:.4f}")
    return StageResult.load(out)


def _targeted(config: Config, model: Path, host: Runtime) -> Runtime:
    """Return the model in the runtime that `evaluation.target` names, where it takes the file."""
    if config.evaluation.target == "host":
        return host
    if host.format != "tflite":
        _log.info("TFLM runs .tflite models; evaluated in its own runtime", model=model.name)
        return host
    return ComparedRuntime(TFLMRuntime(model), host)


def _similarity(predictions: _Predictions, points: KeypointSet) -> Any:
    """Return the similarity of each keypoint of each picture: (N, K)."""
    return keypoint_similarity(
        predictions.predicted, predictions.truth, predictions.areas, points.sigmas
    )


@dataclass
class _Predictions:
    """A test set beside what the model saw in it; coordinates in px of the whole pictures."""

    predicted: Any
    truth: Any
    areas: Any
    boxes: Any
    coco: dict[str, Any]
    results: list[dict[str, Any]]
    seconds: float = 0.0


def _predict(
    config: Config, decoder: Decoder, root: Path, samples: Sequence[Sample]
) -> _Predictions:
    runtime, points = decoder.runtime, decoder.points
    preprocessing = config.preprocessing.model_copy(
        update={"rescaling": input_rescaling(runtime, config.preprocessing.rescaling)}
    )
    batches = EvaluationBatches(samples, preprocessing, runtime.input_shape, len(points), _BATCH)
    frames: list[Frame] = []
    found, spent = [], 0.0
    progress = Progress(len(samples), "evaluate")
    for images, labels in batches:
        started = time.perf_counter()
        outputs = decoder.predict(images)
        spent += time.perf_counter() - started
        transform = Transform.of(
            labels[:, -1, :2], runtime.input_shape, config.preprocessing.resizing.aspect_ratio
        )
        for index, persons in enumerate(outputs):
            single = Transform(
                transform.scale[index], transform.offset[index], transform.input_size
            )
            keypoints = persons.keypoints.astype(np.float64)
            keypoints[..., :2] = single.to_picture(keypoints[..., :2])
            whole = Frame.whole((int(labels[index, -1, 0]), int(labels[index, -1, 1])))
            frame = batches.frames.get(len(frames), whole)
            keypoints[..., :2] += frame.left, frame.top
            frames.append(frame)
            found.append(Detections(keypoints, persons.scores))
        progress.advance(len(images))
    progress.close()
    names = [sample.image.relative_to(root).as_posix() for sample in samples]
    poses = [read_label(sample.label, len(points)) for sample in samples]
    for index, sample in enumerate(samples):
        if sample.crop:
            poses[index] = frames[index].of(poses[index], sample.crop.person)
    return replace(_collect(names, frames, poses, found, points), seconds=spent)


def _collect(
    names: list[str],
    frames: list[Frame],
    poses: list[Poses],
    found: list[Detections],
    points: KeypointSet,
) -> _Predictions:
    boxes, keypoints, results = [], [], []
    count = len(points)
    predicted = np.full((len(poses), count, 2), np.inf)
    truth, areas = np.zeros((len(poses), count, 3)), np.zeros(len(poses))
    sides = np.ones((len(poses), 2))
    for index, (frame, people, predictions) in enumerate(zip(frames, poses, found, strict=True)):
        scale = np.array([frame.width, frame.height], np.float64)
        origin = np.array([frame.left, frame.top], np.float64)
        corners = (people.boxes[:, :2] - people.boxes[:, 2:] / 2) * scale + origin
        boxes.append(np.concatenate([corners, people.boxes[:, 2:] * scale], axis=1))
        keypoints.append(people.keypoints * np.array([*scale, 1]) + np.array([*origin, 0]))
        for person, score in zip(predictions.keypoints, predictions.scores, strict=True):
            results.append(
                {
                    "image_id": index + 1,
                    "file_name": names[index],
                    "category_id": 1,
                    "keypoints": [round(float(v), 3) for v in person.ravel()],
                    "score": float(score),
                }
            )
        if not len(people):
            continue
        largest = people.largest()
        truth[index], sides[index] = keypoints[-1][largest], boxes[-1][largest, 2:]
        areas[index] = sides[index].prod()
        if len(predictions.scores):
            several = np.repeat(truth[index : index + 1], len(predictions.scores), axis=0)
            area = np.repeat(areas[index], len(predictions.scores))
            match = nanmean(
                keypoint_similarity(predictions.keypoints[..., :2], several, area, points.sigmas),
                axis=1,
            )
            predicted[index] = predictions.keypoints[int(np.argmax(np.nan_to_num(match))), :, :2]
    sizes = [frame.picture_size for frame in frames]
    reference = coco.ground_truth(sizes, boxes, keypoints, points)
    return _Predictions(predicted, truth, areas, sides, reference, results)
