"""convert: a COCO set in, sets in YOLO Darknet format out."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from poseline.config.models.config import Config, config_hash
from poseline.config.models.dataset import Pose
from poseline.data.coco import Part, Picture, find_parts, read_annotations, to_poses
from poseline.data.image_header import (
    JpegInfo,
    decodes,
    probe,
    stored,
    upright,
    without_orientation,
)
from poseline.data.yolo import format_label
from poseline.errors import ConfigError, DataError, Problem
from poseline.log import get_logger
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import content_hash, write_atomic
from poseline.store.outputs import output_folder

_EXAMPLES = 5
"""Pictures named in the manifest for each reason."""
_log = get_logger(__name__)


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    jobs: int | None = None,
    overwrite: bool | None = None,
) -> StageResult:
    """Convert a COCO set.

    Pictures are linked where the file system allows it and copied otherwise. An interrupted
    conversion goes on with what it has. A picture that cannot be used is left out and counted.

    Args:
        config: Its `conversion` and `dataset.keypoints`.
        inputs: `source`: folder of the COCO set.
        out: Folder to make, with train/ and val/.
        jobs: Threads; None: twice the cores, since most of the work is in the file system.
        overwrite: As `store.ownership.check_folder` takes it.

    Raises:
        ConfigError: `dataset.keypoints` is neither 13 nor 17.
        DataError: The source is no COCO set, or nothing of it can be used.
        StoreError: Something else stands at `out`, or it overlaps the source.
    """
    keypoints = config.dataset.keypoints
    if keypoints not in (13, 17):
        raise ConfigError([Problem("dataset.keypoints", str(keypoints), "13 or 17 with COCO")])
    pose: Pose = config.conversion.pose if config.conversion else "single"
    source = inputs["source"]
    parts = find_parts(source)
    key = config_hash(config.slice("convert")) + content_hash(source)
    counts: dict[str, dict[str, int]] = {}
    examples: dict[str, dict[str, list[str]]] = {}
    with output_folder(
        out, "convert", sources=[source], apart=True, overwrite=overwrite, resume_key=key
    ) as work:
        for part in parts:
            counts[part.split], examples[part.split] = _convert(
                part, work / part.split, pose, keypoints, jobs
            )
        if not any(count["kept"] for count in counts.values()):
            reasons = {split: {k: v for k, v in c.items() if v} for split, c in counts.items()}
            raise DataError(
                f"nothing in {source} can be used: {reasons}",
                "`pose: multi` keeps pictures of several persons" if pose == "single" else "",
            )
        finish(
            "convert",
            config,
            inputs,
            work,
            files=sorted(f"{s}/{path.name}" for s in counts for path in (work / s).iterdir()),
            metrics={f"{split}_kept": count["kept"] for split, count in counts.items()},
            summary={
                "counts": counts,
                "examples": examples,
                "pose": pose,
                "keypoints": keypoints,
            },
        )
    return StageResult.load(out)


def _convert(
    part: Part, folder: Path, pose: Pose, keypoints: int, jobs: int | None
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Convert one split and return what was kept and dropped, by reason."""
    annotations = read_annotations(part.annotations)
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob(".*"):  # what an attempt that was killed was writing
        leftover.unlink()
    names = _flat_names(picture.name for picture in annotations.pictures)
    one = partial(_convert_picture, part.pictures, folder, pose, keypoints)
    threads = jobs or 2 * (os.cpu_count() or 1)
    total: Counter[str] = Counter(kept=0) + annotations.dropped
    examples: dict[str, list[str]] = {}
    with ThreadPoolExecutor(threads) as pool:
        work = pool.map(one, annotations.pictures, names, chunksize=64)
        bar = tqdm(
            zip(annotations.pictures, work, strict=True),
            total=len(names),
            desc=part.split,
            unit="pictures",
            disable=not sys.stderr.isatty(),
            leave=False,
        )
        try:
            for picture, count in bar:
                total.update(count)
                for reason in set(count) - {"kept"}:
                    if count[reason] and len(named := examples.setdefault(reason, [])) < _EXAMPLES:
                        named.append(picture.name)
        except BaseException:  # Ctrl-C waits for no picture that is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    _log.info("converted", split=part.split, **{k: v for k, v in total.items() if v})
    return {"kept": 0, **total}, examples


def _flat_names(names: Iterable[str]) -> list[str]:
    """Return a file stem for each picture; equal stems of two folders get the folder's name."""
    taken: Counter[str] = Counter()
    stems = []
    for name in names:
        stem = Path(name).stem
        if taken[stem]:
            stem = str(Path(name).with_suffix("")).replace("/", "_")
        while taken[stem]:
            stem += "_"
        taken[stem] += 1
        stems.append(stem)
    return stems


def _convert_picture(
    pictures: Path, folder: Path, pose: Pose, keypoints: int, picture: Picture, stem: str
) -> Counter[str]:
    """Convert one picture; its label is written last and tells a resumed run that it is done."""
    count: Counter[str] = Counter()
    people = [p for p in picture.persons if not p.get("iscrowd")]
    if not people:
        return Counter(no_person=1, crowd=len(picture.persons))
    if pose == "single" and len(people) != 1:
        return Counter(several_persons=1)
    source = pictures / picture.name
    if not source.is_file():
        return Counter(missing=1)
    info = probe(source)
    if info is None:
        return Counter(corrupt=1)
    turned, size = _as_labelled(info, picture, count)
    if size is None:
        return count
    poses = to_poses(picture.persons, *size, keypoints, count)
    if not len(poses):
        return count
    if not poses.keypoints[..., 2].any():
        count["no_visible_keypoints"] += 1
        return count
    label = folder / f"{stem}.txt"
    if not label.is_file():
        if info.is_jpeg and not decodes(source):
            return Counter(corrupt=1)
        _place(source, folder / f"{stem}.jpg", info, turned=turned)
        write_atomic(label, format_label(poses), durable=False)
    count["kept"] += 1
    return count


def _as_labelled(
    info: JpegInfo, picture: Picture, count: Counter[str]
) -> tuple[bool, tuple[int, int] | None]:
    """Compare a picture with the size that its annotations were made for.

    COCO's annotations refer to the stored pixels. Tools that show pictures upright write the size
    that EXIF's rotation gives; then the labels refer to that. A picture that was scaled since has
    its labels in the old size.

    Returns:
        Whether the labels refer to the upright picture, and width and height that they are in;
        None where the picture has another shape and so is another one.
    """
    annotated, size = (picture.width, picture.height), (info.width, info.height)
    turned = info.orientation > 4 and annotated == size[::-1] != size
    if turned:
        size = size[::-1]
    if info.orientation > 1:
        count["turned" if turned else "rotation_ignored"] += 1
    if 0 in annotated or annotated == size:
        return turned, size
    scale = max(annotated[0] / size[0], annotated[1] / size[1])
    if any(abs(a - scale * s) > max(scale, 1) for a, s in zip(annotated, size, strict=True)):
        count["another_size"] += 1
        return turned, None
    count["scaled"] += 1
    return turned, annotated


def _place(source: Path, target: Path, info: JpegInfo, *, turned: bool) -> None:
    """Put a picture beside its label, without a tag by which a reader would turn it.

    A JPEG is linked or copied; its pixels are written anew only where they are to be turned.
    """
    target.unlink(missing_ok=True)
    try:
        if turned or not info.is_jpeg:
            _write(target, (upright if turned else stored)(source))
        elif info.orientation > 1:
            target.write_bytes(without_orientation(source))
        else:
            try:
                os.link(source.resolve(), target)
            except OSError:
                shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error.strerror or error}",
            "check the room on the disk and who may write there",
        ) from None


def _write(target: Path, image: Any) -> None:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not ok:
        raise OSError("the picture cannot be encoded")
    target.write_bytes(data.tobytes())
