"""predict: a model and pictures in, annotated pictures and COCO results out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poseline.config.models.config import Config
from poseline.data.drawing import contact_sheet, draw_pose
from poseline.data.image_reading import read_picture
from poseline.data.preprocess import Transform, rescale, resize
from poseline.errors import DataError
from poseline.log import get_logger
from poseline.progress import tracked
from poseline.runtime import (
    check_channels,
    input_rescaling,
    open_model,
    warn_of_other_pictures,
)
from poseline.runtime.pose_decoder import Decoder
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.drawing import write_picture
from poseline.store.manifest import write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_ON_SHEET = 16
PREDICTIONS, SHEET = "predictions.json", "contact_sheet.jpg"


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Draw the poses that a model sees.

    A picture that cannot be read is reported and left out.

    Args:
        config: The predict slice or the whole config.
        inputs: `model`, and `images`: a picture or a folder.
        out: Folder to make: pictures/, predictions.json, contact_sheet.jpg.

    Raises:
        DataError: There is no picture that can be read, or the keypoints of the model are not
            those of the config, or not known.
        ModelError: The model cannot be loaded, or does not fit what the config declares.
    """
    preprocessing = config.preprocessing
    root = inputs["images"]
    paths = (
        [root]
        if root.is_file()
        else sorted(p for p in root.rglob("*") if p.suffix.lower() in _SUFFIXES)
    )
    if not paths:
        raise DataError(f"{root} holds no picture", f"give a folder with {', '.join(_SUFFIXES)}")
    runtime = open_model(inputs["model"], config.general.num_threads_tflite)
    check_channels(runtime, config.preprocessing.color_mode)
    warn_of_other_pictures(runtime, cropped=False)
    decoder = Decoder(runtime, config)
    rescaling = input_rescaling(runtime, preprocessing.rescaling)
    numbers = _numbers(paths)
    results: list[dict[str, Any]] = []
    sheet: list[Any] = []
    unreadable: list[str] = []
    spent = 0.0
    with output_folder(out, "predict", sources=inputs.values()) as work:
        for path in tracked(paths, len(paths), "predict"):
            try:
                stored = read_picture(path, preprocessing.color_mode)
            except DataError as error:
                _log.warning("left out", picture=str(path), reason=error.message)
                unreadable.append(str(path))
                continue
            ready = rescale(
                resize(stored, runtime.input_shape, preprocessing.resizing),
                rescaling,
            )
            transform = Transform.of(
                (stored.shape[1], stored.shape[0]),
                runtime.input_shape,
                preprocessing.resizing.aspect_ratio,
            )
            started = time.perf_counter()
            (found,) = decoder.predict(ready[None])
            spent += time.perf_counter() - started
            shown = _colour(stored)
            name = path.relative_to(root).as_posix() if root.is_dir() else path.name
            for person, score in zip(found.keypoints, found.scores, strict=True):
                pose = person.astype(np.float64)
                pose[:, :2] = transform.to_picture(pose[:, :2])
                draw_pose(shown, pose, decoder.points, decoder.threshold)
                results.append(
                    {
                        "image_id": numbers[path],
                        "file_name": name,
                        "category_id": 1,
                        "keypoints": [round(float(v), 3) for v in pose.ravel()],
                        "score": float(score),
                    }
                )
            target = work / "pictures" / Path(name).with_suffix(".jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_picture(target, shown, durable=False)
            sheet.append(shown if len(sheet) < _ON_SHEET else None)
        if not sheet:
            raise DataError(f"none of the {len(paths)} pictures in {root} can be read")
        write_picture(work / SHEET, contact_sheet([s for s in sheet if s is not None]))
        write_atomic(work / PREDICTIONS, json.dumps(results))
        finish(
            "predict",
            config,
            inputs,
            work,
            roles={"predictions": PREDICTIONS, "contact_sheet": SHEET},
            metrics={
                "pictures": len(sheet),
                "unreadable": len(unreadable),
                "pictures_per_s": len(sheet) / max(spent, 1e-9),
            },
            summary={"unreadable": unreadable, "keypoints": list(decoder.points.names)},
        )
    return StageResult.load(out)


def _numbers(paths: Sequence[Path]) -> dict[Path, int]:
    """Return each picture's id: its name where all are numbers, as COCO's are, else its place."""
    stems = [path.stem for path in paths]
    if all(stem.isdecimal() for stem in stems) and len({int(stem) for stem in stems}) == len(stems):
        return {path: int(stem) for path, stem in zip(paths, stems, strict=True)}
    return {path: place for place, path in enumerate(paths, 1)}


def _colour(image: Any) -> Any:
    """Return a copy (h, w, 3) to draw on."""
    return np.ascontiguousarray(np.repeat(image, 3, 2) if image.shape[2] == 1 else image[..., :3])
