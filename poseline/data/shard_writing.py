"""Samples into tar files of some size, one after the other, with what is where in each."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from poseline.data.shard_index import Entry, Shard
from poseline.store.manifest import sha256_of
from poseline.store.uri import safe_key

SHARD_MB = 64
"""Size of a shard; the last picture may exceed it."""


class PackedSample(NamedTuple):
    """A picture and its label as they are packed."""

    name: str
    """Of the picture in the set."""
    image: bytes
    label: bytes


def write_shards(
    samples: Iterable[PackedSample],
    folder: Path,
    name: Callable[[int], str],
    shard_mb: int = SHARD_MB,
) -> Iterator[Shard]:
    """Write samples into shards; the same samples give the same bytes.

    Args:
        samples: In the order that they get.
        folder: Where the shards are written.
        name: From the number of a shard, from 0, to the name of its file.
        shard_mb: Size in MB from which on the next sample goes into another shard.

    Yields:
        Each shard once it is written.
    """
    waiting = iter(samples)
    sample, number = next(waiting, None), 0
    while sample:
        path, members = folder / name(number), list[Entry]()
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
            while sample and tar.offset < shard_mb * 10**6:
                label = str(PurePosixPath(sample.name).with_suffix(".txt"))
                text = _add(tar, label, sample.label)
                members.append((sample.name, *_add(tar, sample.name, sample.image), *text))
                tar.getmembers().clear()  # tarfile keeps the header of each, for readers
                sample = next(waiting, None)
        size = path.stat().st_size
        yield Shard(name=path.name, sha256=sha256_of(path), size=size, samples=tuple(members))
        number += 1


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> tuple[int, int]:
    """Add a file with nothing of the machine in its header; return its offset and size."""
    info = tarfile.TarInfo(safe_key(name, name))
    info.size, info.mode = len(content), 0o644
    tar.addfile(info, io.BytesIO(content))
    return tar.offset - -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, len(content)
