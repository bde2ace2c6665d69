"""Which pictures of a split a conversion takes, and what their files are called."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, overload

from poseline.data.annotation_table import restored, stored
from poseline.data.coco import Annotations

_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE chosen (place INTEGER PRIMARY KEY, name BLOB, stem BLOB UNIQUE);
"""
# The bytes of UTF-8 sort as the characters do.
_SORTED = """
DROP TABLE IF EXISTS by_file;
CREATE TABLE by_file (place INTEGER PRIMARY KEY, name BLOB, stem BLOB);
INSERT INTO by_file (name, stem)
    SELECT name, stem FROM chosen ORDER BY CAST(stem || '.' AS BLOB);
"""
_BY_NAME = "SELECT name, stem FROM chosen WHERE place BETWEEN ? AND ? ORDER BY place"
_BY_FILE = "SELECT name, stem FROM by_file WHERE place BETWEEN ? AND ? ORDER BY place"


class Chosen(NamedTuple):
    """A picture that is taken: its name, and that of its files without their suffix."""

    name: str
    stem: str


class Choice(Sequence[Chosen]):
    """Pictures in an order; they are on the disk, since a set may have a million.

    Args:
        database: Where they are.
        query: What gives those from one place to another, both of them included.
        places: Their places, from 1.
    """

    def __init__(self, database: sqlite3.Connection, query: str, places: range) -> None:
        self._database, self._query, self._places = database, query, places

    def in_order_of_files(self) -> Choice:
        """Return them in the order in which the files of a converted set are sorted."""
        self._database.executescript(_SORTED)
        return Choice(self._database, _BY_FILE, self._places)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Chosen: ...
    @overload
    def __getitem__(self, at: slice) -> Choice: ...
    def __getitem__(self, at: int | slice) -> Chosen | Choice:
        if isinstance(at, slice):
            return Choice(self._database, self._query, self._places[at])
        place = self._places[at]
        return next(iter(Choice(self._database, self._query, range(place, place + 1))))

    def __iter__(self) -> Iterator[Chosen]:
        between = (self._places.start, self._places.stop - 1)
        for row in self._database.execute(self._query, between):
            yield Chosen(*(restored(each) for each in row))


def choose(annotations: Annotations, fraction: float) -> Choice:
    """Return the pictures to convert, the same each time, in their order.

    Args:
        annotations: Of a split.
        fraction: Share of the pictures with a person that is taken; 1: all pictures.
    """
    names = annotations.names
    if fraction < 1:
        names = [name for name in names if annotations.picture(name).persons]
        count = min(max(round(len(names) * fraction), 1), len(names))
        places = random.Random(0).sample(range(len(names)), count)  # noqa: S311  not secret
        names = [names[place] for place in sorted(places)]
    database = sqlite3.connect("", check_same_thread=False)
    database.executescript(_TABLES)
    for place, name in enumerate(names, start=1):
        _add(database, place, name)
    database.commit()
    return Choice(database, _BY_NAME, range(1, len(names) + 1))


def _add(database: sqlite3.Connection, place: int, name: str) -> None:
    """Add a picture; equal stems of two folders get the folder's name."""
    path = PurePosixPath(name)
    stem = path.stem
    if not _added(database, place, name, stem):
        stem = str(path.with_suffix("")).replace("/", "_")
        while not _added(database, place, name, stem):
            stem += "_"


def _added(database: sqlite3.Connection, place: int, name: str, stem: str) -> bool:
    row = (place, stored(name), stored(stem))
    return database.execute("INSERT OR IGNORE INTO chosen VALUES (?, ?, ?)", row).rowcount > 0
