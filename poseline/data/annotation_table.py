"""What a conversion needs of an annotation file, in a database on the disk.

A set of 100,000 pictures has some hundred MB of annotations; in memory they would be ten times as
much. SQLite keeps them in a file without a name, which goes with the process.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, from_json, to_json

from poseline.data.coco_category import WHOLE_BODY_PARTS

_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE unusable (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE picture (
    name BLOB PRIMARY KEY, id BLOB UNIQUE, width REAL, height REAL
) WITHOUT ROWID;
CREATE TABLE person (id BLOB, category BLOB, content BLOB);
"""
_PICTURE = """
SELECT width, height, content FROM picture LEFT JOIN person ON person.id = picture.id
WHERE name = ? ORDER BY person.rowid
"""
_KEPT = ("bbox", "iscrowd", "keypoints", *WHOLE_BODY_PARTS)
"""What is read of an annotation; polygons are the larger part of most files."""


class Image(NamedTuple):
    """A picture as it is listed: its id, its name, and its sides in px; 0: not known."""

    id: str
    name: str
    width: float
    height: float


class AnnotationTable:
    """The pictures and persons of an annotation file."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.executescript(_TABLES)

    def add_person(self, image: str, category: str | None, person: dict[str, Any]) -> None:
        """Add an annotation of a picture, as it was written."""
        row = (stored(image), None if category is None else stored(category), _written(person))
        self._database.execute("INSERT INTO person VALUES (?, ?, ?)", row)

    def keep_category(self, category: str) -> int:
        """Remove the persons of other categories; return how many these were."""
        others = "DELETE FROM person WHERE category IS NOT NULL AND category <> ?"
        return self._database.execute(others, (stored(category),)).rowcount

    def add_unusable(self, image: str) -> None:
        """Note that a picture is listed that cannot be used."""
        self._database.execute("INSERT OR IGNORE INTO unusable VALUES (?)", (stored(image),))

    def add_picture(self, image: Image) -> bool:
        """Add a picture; return whether neither its name nor its id was there."""
        row = (stored(image.name), stored(image.id), image.width, image.height)
        added = self._database.execute("INSERT OR IGNORE INTO picture VALUES (?, ?, ?, ?)", row)
        return added.rowcount > 0

    def complete(self) -> None:
        """Make it ready to be read, once all is added."""
        self._database.execute("CREATE INDEX of_picture ON person (id)")
        self._database.commit()

    def strangers(self) -> int:
        """Return how many persons are on pictures that are not listed."""
        listed = "SELECT id FROM picture UNION ALL SELECT id FROM unusable"
        asked = f"SELECT count(*) FROM person WHERE id NOT IN ({listed})"  # noqa: S608  ours
        (found,) = self._database.execute(asked).fetchone()
        return int(found)

    def names(self) -> list[str]:
        """Return the names of the pictures, sorted."""
        # The bytes of UTF-8 sort as the characters do.
        rows = self._database.execute("SELECT name FROM picture ORDER BY name")
        return [restored(name) for (name,) in rows]

    def picture(self, name: str) -> tuple[float, float, list[dict[str, Any]]]:
        """Return the width and the height of a picture, and its persons as they were written."""
        rows = self._database.execute(_PICTURE, (stored(name),)).fetchall()
        width, height, _ = rows[0]
        return width, height, [from_json(content) for *_, content in rows if content is not None]


def stored(text: str) -> bytes:
    """Return a text as it is kept in a table: JSON may have halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")


def restored(content: bytes) -> str:
    """Return the text that `stored` was given."""
    return content.decode("utf-8", "surrogatepass")


def _written(person: dict[str, Any]) -> bytes:
    kept = {key: person[key] for key in _KEPT if key in person}
    try:
        return to_json(kept)
    except PydanticSerializationError:  # text that is not Unicode
        return json.dumps(kept).encode()
