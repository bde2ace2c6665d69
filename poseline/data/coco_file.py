"""The lists of a COCO annotation file, one element after the other, however large the file is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from poseline.data.regular_file import LARGEST_ANNOTATIONS, open_regular, read_regular
from poseline.errors import DataError

_PARTS_REMEDY = (
    "it needs `images` (id, file_name, width, height) and `annotations` (image_id, bbox, keypoints)"
)


class UnstreamableError(Exception):
    """A file that cannot be read piece by piece; read as a whole, it says what is wrong, if any."""


class StreamedFile:
    """A file that is read once for each of its lists, and never held.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def elements(self, key: str) -> Iterator[Any]:
        """Yield the elements of a list.

        Raises:
            DataError: The file cannot be read.
            UnstreamableError: There is no such list with anything in it, or the file is damaged.
        """
        import ijson

        found = False
        with open_regular(self._path, LARGEST_ANNOTATIONS) as (file, _):
            try:
                for element in ijson.items(file, f"{key}.item", use_float=True):
                    found = True
                    yield element
            except (ijson.JSONError, UnicodeError, ValueError) as error:
                raise UnstreamableError from error
            except OSError as error:
                raise DataError(
                    f"{self._path} cannot be read: {error.strerror}", "replace or remove it"
                ) from None
        if not found:
            raise UnstreamableError

    def categories(self) -> list[Any] | None:
        """Return the categories; None where there is no list of them."""
        try:
            return list(self.elements("categories"))
        except UnstreamableError:
            return None


class WholeFile:
    """A file in memory: what streaming cannot read, such as NaN, is read all the same.

    Args:
        path: The file.

    Raises:
        DataError: It is not JSON, or does not hold what COCO's keypoint files do.
    """

    def __init__(self, path: Path) -> None:
        data = _json(path)
        if not isinstance(data, dict):
            raise _not_coco(path, f"it holds {_kind(data)}")
        for key in ("images", "annotations"):
            if key not in data:
                raise _not_coco(path, f"it has no `{key}`")
            if not isinstance(data[key], list):
                raise _not_coco(path, f"`{key}` is {_kind(data[key])}, not a list")
        self._data = data

    def elements(self, key: str) -> Iterator[Any]:
        """Yield the elements of a list."""
        yield from self._data[key]

    def categories(self) -> list[Any] | None:
        """Return the categories; None where there is no list of them."""
        found = self._data.get("categories")
        return found if isinstance(found, list) else None


def _json(path: Path) -> Any:
    content = read_regular(path, LARGEST_ANNOTATIONS)
    with suppress(
        ValueError
    ):  # the slower parser below says what is wrong, or reads it all the same
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
