"""convert: a COCO or YOLO-pose set in, sets in YOLO Darknet format out."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

from poseline import stopping
from poseline.config.models.config import Config, config_hash
from poseline.config.models.dataset import Conversion
from poseline.data.coco import Annotations, Picture
from poseline.data.coco_layout import Part
from poseline.data.conversion_report import nothing_left
from poseline.data.conversion_source import read_source
from poseline.data.picture_conversion import Converted, PictureConverter
from poseline.data.portions import Portion
from poseline.data.set_file import NAMES, set_file_text
from poseline.errors import StoreError
from poseline.progress import tracked
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import FileEntry, Manifest, content_hash, entries, write_atomic
from poseline.store.outputs import output_folder
from poseline.store.ownership import is_ours

_EXAMPLES = 5
"""Pictures named in the manifest for each reason."""
_BATCH = 32
"""Pictures that are handed to a thread at once; handing over costs as much as a small picture."""


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    jobs: int | None = None,
    overwrite: bool | None = None,
    portion: Portion | None = None,
) -> StageResult:
    """Convert a set in COCO's or YOLO-pose's format.

    Pictures are copied, by a share of their blocks where the file system has that. An interrupted
    conversion goes on with what it has. A picture that cannot be used is left out and counted.

    Args:
        config: Its `conversion` and `dataset.keypoints`.
        inputs: `source`: folder of the set.
        out: Folder to make, with train/ and val/.
        jobs: Threads; None: twice the cores, since most of the work is in the file system.
        overwrite: As `store.ownership.check_folder` takes it.
        portion: Which part of each split's pictures to convert; None: all of them. A part may
            come to nothing.

    Raises:
        DataError: The source is no such set, its keypoints do not hold those that are wanted, or
            nothing of it can be used.
        StoreError: Something else stands at `out`, such as a set that was made from another
            source, or it overlaps the source.
    """
    settings = config.conversion or Conversion(path=str(inputs["source"]))
    source = inputs["source"]
    if not overwrite:
        _check_same_source(out, source, advise_overwrite=overwrite is not None)
    splits = read_source(source, config.dataset.keypoints, settings.category)
    parts, points = [part for part, _ in splits], splits[0][1].points
    source_hash = content_hash(source)
    key = config_hash(config.slice("convert")) + source_hash + (portion.name if portion else "")
    counts: dict[str, dict[str, int]] = {}
    examples: dict[str, dict[str, list[str]]] = {}
    files: dict[str, FileEntry] = {}
    with output_folder(
        out, "convert", sources=[source], apart=True, overwrite=overwrite, resume_key=key
    ) as work:
        for part, annotations in splits:
            counts[part.split], examples[part.split], made = _convert(
                part, annotations, work / part.split, settings, jobs, portion
            )
            files |= {f"{part.split}/{name}": entry for name, entry in made.items()}
            write_atomic(work / part.split / NAMES[0], set_file_text(points))
        write_atomic(
            work / NAMES[0], set_file_text(points, {part.split: part.split for part in parts})
        )
        if portion is None and not any(count["kept"] for count in counts.values()):
            raise nothing_left(parts, counts, examples, settings)
        files |= entries(work, [NAMES[0], *(f"{split}/{NAMES[0]}" for split in counts)])
        result = finish(
            "convert",
            config,
            inputs,
            work,
            files=files,
            input_hashes={"source": source_hash},
            metrics={f"{split}_kept": count["kept"] for split, count in counts.items()},
            summary={
                "counts": counts,
                "examples": examples,
                "pose": settings.pose,
                "keypoints": len(points),
                "names": list(points.names),
                "source": os.path.realpath(source),
            },
        )
    return replace(result, out=out)


def made_from(config: Config, source: Path) -> str:
    """Return what a part of a converted set is known by: its settings and its source."""
    return config_hash(config.slice("convert")) + content_hash(source)


def _check_same_source(out: Path, source: Path, *, advise_overwrite: bool) -> None:
    """Refuse to replace a set made from another source: the default folder only has their number.

    Raises:
        StoreError: Such a set is at `out`.
    """
    if not is_ours(out, "convert"):
        return
    before = Manifest.read(out).summary.get("source")
    if before in (None, os.path.realpath(source)):
        return
    advice = ", or replace it with --overwrite" if advise_overwrite else ""
    raise StoreError(
        f"{out} holds the set that was converted from {before}, and not from {source}",
        "choose another folder: conversion.outputdir (of a config) or --outputdir (of a "
        f"command){advice}; nothing was replaced",
    )


def _convert(
    part: Part,
    annotations: Annotations,
    folder: Path,
    settings: Conversion,
    jobs: int | None,
    portion: Portion | None,
) -> tuple[dict[str, int], dict[str, list[str]], dict[str, FileEntry]]:
    """Convert one split; return what was kept and dropped, by reason, examples, and the files."""
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob(".*"):  # what an attempt that was killed was writing
        leftover.unlink()
    total: Counter[str] = Counter(kept=0) + annotations.dropped
    pictures = _share_of(annotations.pictures, settings.fraction)
    total["not_in_fraction"] += len(annotations.pictures) - len(pictures)
    names = _flat_names(picture.name for picture in pictures)
    if portion:
        # By the names that they get, so that the parts in order are sorted as the whole is.
        places = sorted(range(len(names)), key=lambda place: f"{names[place]}.")
        mine = portion.cut(places)
        pictures, names = [pictures[at] for at in mine], [names[at] for at in mine]
        if portion.number > 1:  # what was left out before is counted once
            total = Counter(kept=0)
    converter = PictureConverter(part, folder, settings, annotations.order)

    def convert(batch: Sequence[tuple[Picture, str]]) -> list[Converted]:
        return [converter.convert(picture, stem) for picture, stem in batch]

    pairs = list(zip(pictures, names, strict=True))
    batches = [pairs[at : at + _BATCH] for at in range(0, len(pairs), _BATCH)]
    threads = jobs or 2 * (os.cpu_count() or 1)
    examples: dict[str, list[str]] = {}
    files: dict[str, FileEntry] = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            with stopping.held():
                work = chain.from_iterable(pool.map(convert, batches))
            bar = tracked(zip(pictures, work, strict=True), len(names), f"convert {part.split}")
            for picture, made in bar:
                total.update(made.count)
                files |= made.files
                for reason in set(made.count) - {"kept"}:
                    if made.count[reason]:
                        named = examples.setdefault(reason, [])
                        if len(named) < _EXAMPLES:
                            named.append(picture.name)
        except BaseException:  # Ctrl-C waits for no picture that is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {"kept": 0, **total}, examples, files


def _share_of(pictures: list[Picture], fraction: float) -> list[Picture]:
    """Return a part of the pictures that have a person, the same each time, in their order."""
    if fraction == 1:
        return pictures
    places = [place for place, picture in enumerate(pictures) if picture.persons]
    count = min(max(round(len(places) * fraction), 1), len(places))
    chosen = sorted(random.Random(0).sample(places, count))  # noqa: S311  reproducible, not secret
    return [pictures[place] for place in chosen]


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
