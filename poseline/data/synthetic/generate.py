"""A set of drawn people: a stand-in for real pictures that needs no download.

The set is written as COCO is, so that it passes through the converter like any other.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from poseline.data.keypoints import PERSON_17
from poseline.data.synthetic.scene import paint
from poseline.errors import DataError
from poseline.progress import tracked
from poseline.store.manifest import Manifest, entries, now, write_atomic
from poseline.store.outputs import output_folder

KIND = "synthesize"
"""Of its manifest."""
_SPLITS = ("train", "val", "test")


def generate(
    out: Path,
    train: int,
    val: int,
    *,
    test: int = 0,
    size: tuple[int, int] = (256, 256),
    persons: int = 1,
    seed: int = 0,
    jobs: int | None = None,
    overwrite: bool | None = None,
) -> Path:
    """Make a set of drawn people in COCO's layout.

    A picture depends on the seed, its split and its number alone, not on how many processes draw.

    Args:
        out: Folder to make: train/, val/ and perhaps test/, with
            annotations/person_keypoints_<split>.json.
        train: Training pictures.
        val: Validation pictures.
        test: Test pictures; 0: the set has no test split.
        size: Mean width and height in px; each picture differs by up to a fifth.
        persons: Most people in a picture.
        seed: Seed of the set.
        jobs: Processes; None: one a core.
        overwrite: As `store.ownership.check_folder` takes it.

    Returns:
        `out`.

    Raises:
        DataError: A count or size is out of range.
        StoreError: Something else stands at `out`.
    """
    counts = (train, val, *((test,) if test else ()))
    if min(counts) < 0 or sum(counts) < 1:
        raise DataError(
            f"{' + '.join(map(str, counts))} pictures cannot be made",
            "ask for at least one picture",
        )
    if not 1 <= persons <= 20 or min(size) < 32:
        raise DataError("persons must be 1 to 20 and the size at least 32 px")
    with output_folder(out, KIND, overwrite=overwrite) as work:
        # A copy of a process with threads may hang on a lock that one of them held, or wait for one
        # of them; TensorFlow's are not among Python's.
        threads = threading.active_count() > 1 or "tensorflow" in sys.modules
        context = get_context("spawn" if threads else "fork")
        with ProcessPoolExecutor(jobs or os.cpu_count(), mp_context=context) as pool:
            for index, (split, count) in enumerate(zip(_SPLITS, counts, strict=False)):
                (work / split).mkdir()
                draw = partial(_write, work / split, (seed, index), size, persons)
                numbers = range(count)
                made = tracked(pool.map(draw, numbers, chunksize=32), count, f"draw {split}")
                write_atomic(
                    work / "annotations" / f"person_keypoints_{split}.json",
                    json.dumps(_coco(list(made))),
                )
        Manifest(KIND, "", files=entries(work), seed=seed, created=now()).write(work)
    return out


def _write(
    folder: Path, seed: tuple[int, int], size: tuple[int, int], persons: int, number: int
) -> dict[str, Any]:
    """Paint one picture, write it, and return its COCO entries."""
    random = np.random.default_rng((*seed, number))
    stretch = random.uniform(0.8, 1.2, 2)
    width, height = (int(side * factor) for side, factor in zip(size, stretch, strict=True))
    image, people = paint(random, (width, height), persons)
    name = f"{number:06d}.jpg"
    quality = int(random.integers(60, 96))
    path = folder / name
    if not cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]):
        raise DataError(f"{path} cannot be written", "check that there is room on the disk")
    return {
        "image": {"id": number + 1, "file_name": name, "width": width, "height": height},
        "annotations": [
            {
                "image_id": number + 1,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": list(person.box),
                "area": person.area,
                "segmentation": [],
                "num_keypoints": int((person.keypoints[:, 2] > 0).sum()),
                "keypoints": [round(float(v), 2) for v in person.keypoints.ravel()],
            }
            for person in people
        ],
    }


def _coco(made: list[dict[str, Any]]) -> dict[str, Any]:
    annotations = [annotation for entry in made for annotation in entry["annotations"]]
    category = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(PERSON_17.names),
        "skeleton": [[a + 1, b + 1] for a, b in PERSON_17.skeleton],
    }
    return {
        "info": {"description": "poseline synthetic people"},
        "licenses": [],
        "images": [entry["image"] for entry in made],
        "annotations": [{"id": n, **annotation} for n, annotation in enumerate(annotations, 1)],
        "categories": [category],
    }
