"""The lists of a COCO annotation file, one element after the other, however large the file is."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import from_json

from poseline.data.regular_file import LARGEST_ANNOTATIONS, open_regular, read_regular
from poseline.errors import DataError

LISTS = ("images", "annotations", "categories")
Element = tuple[str, Any]
"""Which of `LISTS` it is of, and what it is."""

_PARTS_REMEDY = (
    "it needs `images` (id, file_name, width, height) and `annotations` (image_id, bbox, keypoints)"
)
_CHUNK = 1 << 18  # bytes
_LONGEST_ELEMENT = 1 << 26  # characters


class UnstreamableError(Exception):
    """A file that cannot be read piece by piece; read as a whole, it says what is wrong, if any."""


def streamed(path: Path) -> Iterator[Element]:
    """Yield the elements of a file's lists as they stand in it; the file is never held.

    Raises:
        DataError: It cannot be read.
        UnstreamableError: It is damaged, or `images` or `annotations` hold nothing.
    """
    found = set[str]()
    with open_regular(path, LARGEST_ANNOTATIONS) as (file, _):
        try:
            for key, element in _Stream(file).elements():
                found.add(key)
                yield key, element
        except (ValueError, RecursionError):
            raise UnstreamableError from None
        except OSError as error:
            reason = error.strerror
            raise DataError(f"{path} cannot be read: {reason}", "replace or remove it") from None
    if not {"images", "annotations"} <= found:
        raise UnstreamableError


def whole(path: Path) -> Iterator[Element]:
    """Yield what `streamed` does of a file that is read into memory.

    Raises:
        DataError: It is not JSON, or does not hold what COCO's keypoint files do.
    """
    data = _json(path)
    if not isinstance(data, dict):
        raise _not_coco(path, f"it holds {_kind(data)}")
    for key in ("images", "annotations"):
        if key not in data:
            raise _not_coco(path, f"it has no `{key}`")
        if not isinstance(data[key], list):
            raise _not_coco(path, f"`{key}` is {_kind(data[key])}, not a list")
    for key in LISTS:
        if isinstance(data.get(key), list):
            yield from ((key, element) for element in data[key])


class _Stream:
    """JSON text of which a piece is in memory; `json` decodes the values in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._text, self._at, self._ended = file, "", 0, False
        self._bytes = codecs.getincrementaldecoder("utf-8")()
        self._decode = json.JSONDecoder().raw_decode

    def elements(self) -> Iterator[Element]:
        """Yield the elements of the lists of the object that the file is.

        Raises:
            ValueError: It is no such object.
        """
        self._take("{")
        while self._peek() != "}":
            key = self._value()
            self._take(":")
            if key in LISTS and self._peek() == "[":
                self._take("[")
                while self._peek() != "]":
                    yield key, self._value()
                    self._separate("]")
                self._take("]")
            else:
                self._value()
            self._separate("}")
        self._take("}")
        if self._peek():
            raise ValueError("something follows the object")

    def _peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            while self._at < len(self._text):
                if (found := self._text[self._at]) not in " \t\n\r":
                    return found
                self._at += 1
            if not self._more():
                return ""

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise ValueError(f"no {wanted}")
        self._at += 1

    def _separate(self, end: str) -> None:
        """Take the comma between two values; there is none before the end, and none needless."""
        if self._peek() == end:
            return
        self._take(",")
        if self._peek() == end:
            raise ValueError("a comma too many")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # else a number may go on
                    self._at = end
                    return value
            except json.JSONDecodeError:
                if self._ended:
                    raise
            if len(self._text) - self._at > _LONGEST_ELEMENT:
                raise ValueError("an element without an end")
            self._more(len(self._text) - self._at)

    def _more(self, least: int = 0) -> bool:
        """Read on, and drop what was decoded; return whether there is more."""
        content = self._file.read(max(_CHUNK, least))
        self._ended = not content
        self._text = self._text[self._at :] + self._bytes.decode(content, self._ended)
        self._at = 0
        return not self._ended


def _json(path: Path) -> Any:
    content = read_regular(path, LARGEST_ANNOTATIONS)
    with suppress(ValueError):  # the slower parser below tells what is wrong, or reads it
        return from_json(content)
    try:
        try:
            return json.loads(content)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            raise
        except ValueError:  # an integer of thousands of digits
            return json.loads(content, parse_int=float)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}",
            "the file is cut off or not JSON; unzip or export it again",
        ) from None
    except RecursionError:
        raise _not_coco(path, "it is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise _not_coco(path, str(error)) from None


def _not_coco(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a COCO keypoints file: {reason}", _PARTS_REMEDY)


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "text", type(None): "null", bool: "a boolean"}
    return names.get(type(value), "a number")
