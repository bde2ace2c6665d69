"""The textual quirks of existing YAML files, read by a small grammar and never by eval.

Accepted beside plain YAML values:

    fraction   1/127.5   1./255   -1/2
    tuple      (192, 192, 3)   (-0.1,0.1)   [2, 4]   nested
    layers     (0:154)   (0:-1)   (50:)   (8, 110:121, -1)
    nothing    None   null   ~
    truth      True   False
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

Value = None | bool | int | float | str | tuple["Value", ...]

_LONGEST = 4096
_DEEPEST = 16
_MOST_DIGITS = 40
_NUMBER = re.compile(r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})([eE][+-]?\d{1,5})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_RANGE = re.compile(r"(-?\d{1,6})?\s*(:)?\s*(-?\d{1,6})?", re.ASCII)
_WORDS: dict[str, bool | None] = {
    "None": None,
    "none": None,
    "null": None,
    "~": None,
    "": None,
    "True": True,
    "true": True,
    "False": False,
    "false": False,
}


class LayerRange(NamedTuple):
    """Layers `start` to `stop` of a model, as Python slices them: stop is not included."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"{_end(self.start)}:{_end(self.stop)}"


class LayerSelection(NamedTuple):
    """Layers of a model by index and range; negative numbers count from the end."""

    parts: tuple[int | LayerRange, ...]

    def of(self, count: int) -> list[int]:
        """Return the selected indices, ascending, of a model with `count` layers.

        What lies outside of the model selects nothing, as in a slice.
        """
        layers, found = range(count), set[int]()
        for part in self.parts:
            if isinstance(part, LayerRange):
                found.update(layers[part.start : part.stop])
            elif -count <= part < count:
                found.add(part % count)
        return sorted(found)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parts))})"


def parse_number(text: str) -> int | float | None:
    """Read a number or a fraction of two numbers.

    Returns:
        The number, or None where the text is none, or one beyond any config.

    Raises:
        ValueError: The fraction's denominator is zero.
    """
    if len(text) > _LONGEST:
        return None
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    if len(parts) == 2:
        if float(parts[1]) == 0:
            raise ValueError("a fraction must not have a zero denominator")
        return _finite(float(parts[0]) / float(parts[1]))
    if not _INTEGER.fullmatch(parts[0]):
        return _finite(float(parts[0]))
    return int(parts[0]) if len(parts[0].lstrip("+-0")) <= _MOST_DIGITS else None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def parse_layers(text: str) -> LayerSelection | None:
    """Read layers as in `(8, 110:121, -1)`, with or without brackets; else return None."""
    stripped = text.strip()
    if len(stripped) >= 2 and stripped[0] + stripped[-1] in ("()", "[]"):
        stripped = stripped[1:-1]
    parts: list[int | LayerRange] = []
    for item in stripped.removesuffix(",").split(","):
        match = _RANGE.fullmatch(item.strip())
        if not match or not item.strip():
            return None
        start, colon, stop = match.groups()
        if colon:
            parts.append(LayerRange(*(int(n) if n else None for n in (start, stop))))
        elif start and not stop:
            parts.append(int(start))
        else:
            return None
    return LayerSelection(tuple(parts))


def parse_value(text: str) -> Value:
    """Read text as the nearest of nothing, truth, number, fraction and tuple; else as itself.

    Raises:
        ValueError: A fraction's denominator is zero.
    """
    return text if len(text) > _LONGEST else _parse(text, 0)


def _parse(text: str, depth: int) -> Value:
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped]
    number = parse_number(stripped)
    if number is not None:
        return number
    if depth < _DEEPEST and len(stripped) >= 2 and stripped[0] + stripped[-1] in ("()", "[]"):
        items = _split(stripped[1:-1])
        if items is not None:
            return tuple(_parse(item, depth + 1) for item in items)
    return text


def _split(text: str) -> list[str] | None:
    """Split at the commas outside of brackets; None where the brackets do not match."""
    items, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
            if depth < 0:
                return None
        elif char == "," and depth == 0:
            items.append(text[start:index])
            start = index + 1
    if depth:
        return None
    if text[start:].strip():
        items.append(text[start:])
    return items


def _end(number: int | None) -> str:
    return "" if number is None else str(number)
