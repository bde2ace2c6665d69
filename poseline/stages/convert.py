"""convert: a COCO or YOLO-pose set in, sets in YOLO Darknet format out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from poseline.config.models.config import Config, config_hash
from poseline.config.models.dataset import Conversion
from poseline.data.coco import Annotations
from poseline.data.coco_layout import Part
from poseline.data.conversion_report import nothing_left
from poseline.data.conversion_source import read_source
from poseline.data.picture_batches import converted
from poseline.data.picture_choice import choose
from poseline.data.picture_conversion import Kept, PictureConverter
from poseline.data.picture_placing import place, write
from poseline.data.set_file import NAMES, set_file_text
from poseline.data.set_folder import SetFolder
from poseline.errors import StoreError
from poseline.progress import tracked
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import FileEntry, Manifest, content_hash, entries, write_atomic
from poseline.store.outputs import output_folder
from poseline.store.ownership import is_ours

_EXAMPLES = 5
"""Pictures named in the manifest for each reason."""
_BATCH = 32
"""Pictures that are handed to a thread at once."""


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    jobs: int | None = None,
    overwrite: bool | None = None,
) -> StageResult:
    """Convert a set in COCO's or YOLO-pose's format.

    Pictures are copied, by a share of their blocks where the file system has that. An interrupted
    conversion goes on with what it has. A picture that cannot be used is left out and counted.

    Args:
        config: Its `conversion` and `dataset.keypoints`.
        inputs: `source`: folder of the set.
        out: Folder to make, with train/ and val/.
        jobs: Threads; None: one a core. More of them only wait for the folder that all write to.
        overwrite: As `store.ownership.check_folder` takes it.

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
    splits = read_source(SetFolder(source), config.dataset.keypoints, settings.category)
    parts, points = [part for part, _ in splits], splits[0][1].points
    source_hash = content_hash(source)
    key = config_hash(config.slice("convert")) + source_hash
    counts: dict[str, dict[str, int]] = {}
    examples: dict[str, dict[str, list[str]]] = {}
    files: dict[str, FileEntry] = {}
    with output_folder(
        out, "convert", sources=[source], apart=True, overwrite=overwrite, resume_key=key
    ) as work:
        for part, annotations in splits:
            counts[part.split], examples[part.split], made = _convert(
                part, annotations, work / part.split, settings, jobs
            )
            files |= {f"{part.split}/{name}": entry for name, entry in made.items()}
            write_atomic(work / part.split / NAMES[0], set_file_text(points))
        write_atomic(
            work / NAMES[0], set_file_text(points, {part.split: part.split for part in parts})
        )
        if not any(count["kept"] for count in counts.values()):
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
) -> tuple[dict[str, int], dict[str, list[str]], dict[str, FileEntry]]:
    """Convert one split; return what was kept and dropped, by reason, examples, and the files."""
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob(".*"):  # what an attempt that was killed was writing
        leftover.unlink()
    chosen = choose(annotations, settings.fraction)
    total: Counter[str] = Counter(kept=0) + annotations.dropped
    total["not_in_fraction"] += len(annotations.names) - len(chosen)
    converter = PictureConverter(part, settings, annotations.order, _into(folder))
    work = converted(chosen, annotations, converter, jobs=jobs, batch=_BATCH)
    examples: dict[str, list[str]] = {}
    files: dict[str, FileEntry] = {}
    for picture, each in tracked(work, len(chosen), f"convert {part.split}"):
        total.update(each.count)
        files |= each.made or {}
        for reason in set(each.count) - {"kept"}:
            if each.count[reason]:
                named = examples.setdefault(reason, [])
                if len(named) < _EXAMPLES:
                    named.append(picture)
    return {"kept": 0, **total}, examples, files


def _into(folder: Path) -> Callable[[Kept], dict[str, FileEntry]]:
    """Return what writes a picture and its label into a folder.

    What is there of an earlier attempt is not copied again.
    """
    with os.scandir(folder) as found:
        there = {each.name: each.stat().st_size for each in found}

    def make(kept: Kept) -> dict[str, FileEntry]:
        image, label = f"{kept.stem}.jpg", f"{kept.stem}.txt"
        return {
            image: place(
                kept.file,
                kept.content,
                folder / image,
                kept.info,
                turned=kept.turned,
                there=there.get(image),
            ),
            label: write(folder / label, kept.label),
        }

    return make
