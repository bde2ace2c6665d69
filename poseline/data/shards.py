"""Sets packed as tar files with an index: read in place, and used before they are all there.

A packed set is a folder with `shard-00000.tar`, … and `shards.json`, which says where in which
shard each picture and its label are. The shards are plain tar files of the set's own files, but
nothing is ever unpacked by the names in them: samples are read at their offsets.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast, overload

import numpy as np
from numpy.typing import NDArray

from poseline import store
from poseline.data.pack import pack
from poseline.data.shard_index import INDEX, Index
from poseline.data.yolo import Sample, list_samples
from poseline.errors import StoreError
from poseline.store.cache import Cache
from poseline.store.manifest import sha256_of
from poseline.store.uri import parse

__all__ = ["INDEX", "ShardedSamples", "attach", "pack", "samples_of", "stream"]

ORIGIN = "origin.txt"


class Member:
    """A file in a shard. It is read as a Path is; it has no place of its own on the disk."""

    def __init__(self, samples: ShardedSamples, name: str, shard: int, start: int, size: int):
        self._samples, self._name, self._place = samples, name, (shard, start, size)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePosixPath(self._name).name

    def read_bytes(self) -> bytes:
        """Return its content; waits until its shard is there.

        Raises:
            StoreError: The shard cannot be fetched or is damaged.
        """
        return self._samples.read(*self._place)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return its content as text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb") -> BinaryIO:  # noqa: ARG002  as Path.open
        """Return its content as an open file."""
        return io.BytesIO(self.read_bytes())

    def is_file(self) -> bool:
        """Return True: the index lists it."""
        return True

    def relative_to(self, _root: object) -> PurePosixPath:
        """Return its name in the set."""
        return PurePosixPath(self._name)

    def __lt__(self, other: Member) -> bool:
        return self._name < other._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __str__(self) -> str:
        return f"{self._samples.origin}/{self._name}"


class ShardedSamples(Sequence[Sample]):
    """The samples of a packed set, sorted by name, as `list_samples` gives those of a folder.

    Shards that are elsewhere come in the background, in the order of the last `permutation`; who
    reads a sample of a shard that is not there yet waits for that shard alone.
    """

    def __init__(
        self, origin: str, *, cache: Path | None = None, ahead: int = 4, keep: bool = True
    ) -> None:
        """Read the index.

        Args:
            origin: Folder or URI of the packed set.
            cache: Where fetched shards are kept; as in `store.fetch`.
            ahead: Shards that are fetched before they are asked for.
            keep: Keep a fetched shard after `release`; otherwise `cache` is needed, too.

        Raises:
            StoreError: The set does not exist.
        """
        self.origin, self._cache, self._keep = origin.rstrip("/"), cache, keep
        self._ahead = ahead
        self.contents = Index.read(
            store.fetch(f"{self.origin}/{INDEX}", cache=cache, progress=False)
        )
        self._starts = np.cumsum([0, *(len(shard.samples) for shard in self.contents.shards)])
        self._open: dict[int, int] = {}
        self._locks = [threading.Lock() for _ in self.contents.shards]
        self._order: list[int] = list(range(len(self.contents.shards)))
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return self.contents.pictures

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> list[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | list[Sample]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        index = range(len(self))[place]
        shard = int(np.searchsorted(self._starts, index, "right")) - 1
        name, *places = self.contents.shards[shard].samples[index - int(self._starts[shard])]
        label = str(PurePosixPath(name).with_suffix(".txt"))
        image = Member(self, name, shard, places[0], places[1])
        # A member reads as a Path does; what needs a place on the disk has no use for a shard.
        return Sample(cast(Path, image), cast(Path, Member(self, label, shard, *places[2:])))

    def permutation(self, generator: np.random.Generator, window: int = 4) -> NDArray[np.int64]:
        """Return a random order that asks for few shards at a time.

        The shards are shuffled, and the samples within each `window` consecutive ones.

        Args:
            generator: Random numbers.
            window: Shards that are mixed with each other; all of them: a plain shuffle.
        """
        shards = generator.permutation(len(self.contents.shards))
        self._order = [int(shard) for shard in shards]
        parts = []
        for start in range(0, len(shards), window):
            ranges = [
                np.arange(self._starts[s], self._starts[s + 1])
                for s in shards[start : start + window]
            ]
            parts.append(generator.permutation(np.concatenate(ranges)))
        return np.concatenate(parts)

    def in_order(self) -> Iterator[Sample]:
        """Yield the samples by name, and release each shard when it is through."""
        for shard in range(len(self.contents.shards)):
            for place in range(int(self._starts[shard]), int(self._starts[shard + 1])):
                yield self[place]
            self.release(shard)

    def read(self, shard: int, start: int, size: int) -> bytes:
        """Return bytes of a shard, once it is there."""
        content = os.pread(self._descriptor(shard), size, start)
        if len(content) != size:
            raise self._damaged(shard, "ends too early")
        return content

    def close(self) -> None:
        """Stop fetching and close the shards."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        for shard in list(self._open):
            self.release(shard)

    def release(self, shard: int) -> None:
        """Close a shard; it is opened again when it is asked for."""
        with self._locks[shard]:
            if (descriptor := self._open.pop(shard, None)) is not None:
                os.close(descriptor)
            if not self._keep and self._cache:
                shutil.rmtree(self._cache / self.contents.shards[shard].name, ignore_errors=True)

    def _descriptor(self, shard: int) -> int:
        found = self._open.get(shard)
        if found is not None:
            return found
        descriptor = self._fetch(shard)
        self._fetch_ahead(shard)
        return descriptor

    def _fetch(self, shard: int) -> int:
        entry = self.contents.shards[shard]
        with self._locks[shard]:
            if (found := self._open.get(shard)) is not None:
                return found
            uri = f"{self.origin}/{entry.name}"
            cache = self._cache / entry.name if self._cache and not self._keep else self._cache
            path = store.fetch(uri, cache=cache, progress=False, sha256=entry.sha256)
            if not path.is_file():
                raise self._damaged(shard, "is missing")
            if path.stat().st_size != entry.size:
                raise self._damaged(shard, f"has {path.stat().st_size} bytes, not {entry.size}")
            if parse(uri).scheme == "file" and sha256_of(path) != entry.sha256:
                raise self._damaged(shard, "differs from its checksum")
            descriptor = self._open[shard] = os.open(path, os.O_RDONLY)
            return descriptor

    def _fetch_ahead(self, shard: int) -> None:
        place = self._order.index(shard)
        wanted = [
            s for s in self._order[place + 1 : place + 1 + self._ahead] if s not in self._open
        ]
        if wanted and self._pool is None:
            self._pool = ThreadPoolExecutor(max(self._ahead, 1), "shards")
        for other in wanted:
            assert self._pool  # noqa: S101  made above
            self._pool.submit(self._fetch, other)  # its error comes to whoever reads the shard

    def _damaged(self, shard: int, how: str) -> StoreError:
        name = self.contents.shards[shard].name
        return StoreError(f"{self.origin}/{name} {how}", "copy the set again, or pack it again")


def samples_of(folder: Path) -> Sequence[Sample]:
    """Return the samples of a set: packed, announced by `attach`, or a folder of files.

    Raises:
        DataError: There is none.
        StoreError: Its index or a shard cannot be read.
    """
    if not (folder / INDEX).is_file():
        return list_samples(folder)
    origin = folder / ORIGIN
    return ShardedSamples(origin.read_text() if origin.is_file() else str(folder))


def attach(uri: str, *, cache: Path | None = None) -> Path | None:
    """Return a folder that stands for a packed set elsewhere, whose shards come when read.

    Args:
        uri: What may be a packed set.
        cache: As in `store.fetch`.

    Returns:
        A folder for `samples_of`; it has the same content hash on every node. None where the URI
        is local or no packed set.
    """
    if parse(uri).scheme != "s3" or not store.exists(f"{uri.rstrip('/')}/{INDEX}"):
        return None
    kept = Cache(cache)
    origin = uri.rstrip("/")
    index = store.fetch(f"{origin}/{INDEX}", cache=cache, progress=False)
    note = kept.obtain(
        kept.blob("origin", origin), lambda file, _: _write(file, origin.encode()), modified=0
    )
    return kept.view({INDEX: index, ORIGIN: note}, "attached", origin, index.stat().st_mtime_ns)


@contextmanager
def stream(uri: str, *, ahead: int = 2, keep: bool = True) -> Iterator[Iterator[Sample]]:
    """Give the samples of a packed set one after another, while later shards are fetched.

    Args:
        uri: Folder or URI of the set.
        ahead: Shards that are fetched ahead.
        keep: Keep shards in the node's cache; otherwise at most `ahead` + 1 are on the disk.

    Yields:
        An iterator over the samples, by name.
    """
    with ExitStack() as stack:
        cache = None if keep else Path(stack.enter_context(TemporaryDirectory("-shards")))
        samples = stack.enter_context(
            closing(ShardedSamples(uri, cache=cache, ahead=ahead, keep=keep))
        )
        yield samples.in_order()


def _write(file: BinaryIO, content: bytes) -> None:
    file.truncate(0)
    file.write(content)
