"""A set converted in parts: each part packs its own shards, and a last step joins their indices.

Beside the shards of part 2 of 4, `part-2-of-4-00000.tar`, …, stands `part-2-of-4.json` with their
index and counts, put there last: what has one is whole. A part that died is made again alone. n
parts make the same pictures and labels as one, in the same order.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from poseline import store
from poseline.data.shard_index import INDEX, Index
from poseline.errors import ConfigError, DataError, Problem, StoreError
from poseline.store.manifest import write_atomic

_WRITTEN = re.compile(r"([1-9]\d{0,4})/([1-9]\d{0,4})")
_RECORD = re.compile(r"(train|val)/part-([1-9]\d*)-of-([1-9]\d*)\.json")
_LARGEST_RECORD = 256 << 20
_SPLITS = ("val", "train")
"""In the order that they are joined in: the index of train says that the set is whole."""
T = TypeVar("T")


@dataclass(frozen=True)
class Portion:
    """Part `number` of `of`, from 1."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> Portion:
        """Read `2/4`.

        Raises:
            ConfigError: It is not a part of a whole, as in 2/5.
        """
        found = _WRITTEN.fullmatch(text.strip())
        if not found or int(found[1]) > int(found[2]):
            accepted = "i/n with 1 <= i <= n, such as 2/4"
            raise ConfigError([Problem("--parts", repr(text), accepted)], "the command line")
        return cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        """What its files are called by."""
        return f"part-{self.number}-of-{self.of}"

    def cut(self, whole: Sequence[T]) -> Sequence[T]:
        """Return its part of a sequence; the parts in order are the whole."""
        size = len(whole)
        return whole[size * (self.number - 1) // self.of : size * self.number // self.of]


class Record(BaseModel):
    """What a part made of one split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_from: str
    """Hash of the settings and of the set."""
    counts: dict[str, int]
    index: Index | None = None
    """None: no picture of the part was kept."""


def put_record(record: Record, place: str, portion: Portion) -> None:
    """Put what a part made of a split where a URI says, once its shards are there.

    Args:
        record: What it made.
        place: Folder or URI of the split.
        portion: The part.

    Raises:
        StoreError: It may not be written there.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{portion.name}.json"
        write_atomic(path, record.model_dump_json() + "\n")
        store.publish(path, f"{place}/{path.name}", progress=False)


def join(place: str) -> dict[str, dict[str, int]]:
    """Write the index of a set whose parts are all there.

    Args:
        place: Folder or URI with train/ and val/, or one of them.

    Returns:
        Split to counts: `kept`, and what was left out by reason.

    Raises:
        DataError: No picture of any part was kept.
        StoreError: Parts are missing, or were made from different sets or settings.
    """
    listed = [found for name in store.listing(place) if (found := _RECORD.fullmatch(name))]
    counts: dict[str, dict[str, int]] = {}
    indices: dict[str, Index] = {}
    whole = {int(found[3]) for found in listed}
    if len(whole) != 1:
        seen = "parts of " + ", ".join(map(str, sorted(whole))) if whole else "no parts"
        raise StoreError(f"{place} holds {seen}", "convert all parts of one number of parts")
    (of,) = whole
    records: dict[str, list[Record]] = {}
    for split in _SPLITS:
        there = {int(found[2]) for found in listed if found[1] == split}
        if not there:
            continue
        if missing := sorted(set(range(1, of + 1)) - there):
            shown = ", ".join(f"{number}/{of}" for number in missing[:10])
            raise StoreError(
                f"{place}/{split} lacks {len(missing)} parts: {shown}",
                f"convert them: --parts {missing[0]}/{of}",
            )
        records[split] = [
            _read(f"{place}/{split}/{Portion(number, of).name}.json") for number in sorted(there)
        ]
        total: Counter[str] = Counter()
        for record in records[split]:
            total.update(record.counts)
        counts[split] = dict(total)
    if len({record.made_from for each in records.values() for record in each}) > 1:
        raise StoreError(
            f"the parts of {place} were made from different sets or settings",
            "convert all of them again, elsewhere",
        )
    for split, each in records.items():
        if made := [record.index for record in each if record.index]:
            indices[split] = _joined(made)
    if not indices:
        raise DataError(f"no picture of the parts of {place} was kept", "see their counts")
    for split, index in indices.items():
        _put_index(index, f"{place}/{split}")
    return counts


def _joined(indices: Sequence[Index]) -> Index:
    return Index(
        keypoints=indices[0].keypoints,
        points=indices[0].points,
        pictures=sum(index.pictures for index in indices),
        persons=sum(index.persons for index in indices),
        shards=tuple(shard for index in indices for shard in index.shards),
    )


def _put_index(index: Index, place: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / INDEX
        write_atomic(path, index.model_dump_json() + "\n")
        store.publish(path, f"{place}/{INDEX}", progress=False)


def _read(uri: str) -> Record:
    path = store.fetch(uri, progress=False)
    try:
        if path.stat().st_size > _LARGEST_RECORD:
            raise ValueError("larger than any record")
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(
            f"{uri} is not a record of a part: {reason}", "convert the part again"
        ) from None
