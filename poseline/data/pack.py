"""From a YOLO set to tar shards and their index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from poseline import store
from poseline.data.set_points import points_of
from poseline.data.shard_index import INDEX, Index
from poseline.data.shard_writing import SHARD_MB, PackedSample, write_shards
from poseline.data.yolo import list_samples, parse_label
from poseline.errors import DataError
from poseline.store.manifest import FileEntry, Manifest, entries, write_atomic
from poseline.store.outputs import output_folder
from poseline.store.ownership import check_folder

KIND = "pack"
"""Of its manifest."""


def pack(
    folder: Path, out: Path, shard_mb: int = SHARD_MB, *, overwrite: bool | None = None
) -> Index:
    """Pack a YOLO set; the same set gives the same bytes.

    Args:
        folder: Pictures with a .txt beside each.
        out: Folder to make; it appears whole or not at all.
        shard_mb: Size of a shard in MB; the last picture may exceed it.
        overwrite: As `store.ownership.check_folder` takes it.

    Returns:
        The index.

    Raises:
        DataError: There are no labelled pictures, or a label is damaged.
        StoreError: Something else stands at `out`, or it overlaps the set.
    """
    check(folder, out, overwrite=overwrite)
    if shard_mb < 1:
        raise DataError(f"a shard of {shard_mb} MB", "give at least 1")
    samples = list_samples(folder)
    points, persons = points_of(folder, samples), 0
    keypoints = len(points)

    def read() -> Iterator[PackedSample]:
        nonlocal persons
        for sample in samples:
            label = sample.label.read_bytes()
            persons += len(parse_label(label.decode(), keypoints, str(sample.label)))
            name = sample.image.relative_to(folder).as_posix()
            yield PackedSample(name, sample.image.read_bytes(), label)

    with output_folder(out, KIND, sources=[folder], apart=True, overwrite=overwrite) as work:
        shards = list(write_shards(read(), work, "shard-{:05d}.tar".format, shard_mb))
        index = Index(
            keypoints=keypoints,
            points=points if points.named else None,
            pictures=len(samples),
            persons=persons,
            shards=tuple(shards),
        )
        write_atomic(work / INDEX, index.model_dump_json() + "\n")
        files = {s.name: FileEntry(s.sha256, s.size) for s in shards} | entries(work, [INDEX])
        Manifest(KIND, "", files=files).write(work)
    return index


def check(folder: Path, out: Path, *, overwrite: bool | None = None) -> None:
    """Report that a set cannot be packed to a place, before another part of it is.

    Raises:
        StoreError: Something else stands there, or it overlaps the set.
    """
    check_folder(out, KIND, sources=[folder], apart=True, overwrite=overwrite)


def put(folder: Path, uri: str) -> None:
    """Put a packed set where a URI says, its index last: what has an index is whole.

    Raises:
        StoreError: It may not be written there.
    """
    for path in sorted(folder.glob("*.tar")):
        store.publish(path, f"{uri.rstrip('/')}/{path.name}")
    store.publish(folder / INDEX, f"{uri.rstrip('/')}/{INDEX}")
