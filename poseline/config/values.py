"""The textual quirks of existing YAML files, read by a small grammar and never by eval.

Accepted beside plain YAML values:

    fraction   1/127.5   1./255   -1/2
    tuple      (192, 192, 3)   (-0.1,0.1)   [2, 4]   nested
    range      (0:154)   (0:-1)
    nothing    None   null   ~
    truth      True   False
"""

from __future__ import annotations

import re
from typing import NamedTuple

Value = None | bool | int | float | str | tuple["Value", ...]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_INTEGER = re.compile(r"[+-]?\d+$")
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

    start: int
    stop: int

    def __str__(self) -> str:
        return f"({self.start}:{self.stop})"


def parse_number(text: str) -> int | float | None:
    """Read a number or a fraction of two numbers.

    Returns:
        The number, or None where the text is none.

    Raises:
        ZeroDivisionError: The fraction's denominator is zero.
    """
    parts = text.strip().split("/")
    if len(parts) > 2 or not all(_NUMBER.match(part.strip()) for part in parts):
        return None
    if len(parts) == 2:
        return float(parts[0]) / float(parts[1])
    return int(parts[0]) if _INTEGER.match(parts[0].strip()) else float(parts[0])


def parse_range(text: str) -> LayerRange | None:
    """Read `(start:stop)`; the brackets may be missing, as may either end."""
    match = re.fullmatch(r"\s*[(\[]?\s*(-?\d*)\s*:\s*(-?\d*)\s*[)\]]?\s*", text)
    if not match or match[0].strip(" ()[]") == ":":
        return None
    return LayerRange(int(match[1] or 0), int(match[2] or -1))


def parse_value(text: str) -> Value:
    """Read text as the nearest of nothing, truth, number, fraction and tuple; else as itself."""
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped]
    number = parse_number(stripped)
    if number is not None:
        return number
    if len(stripped) >= 2 and stripped[0] + stripped[-1] in ("()", "[]"):
        items = _split(stripped[1:-1])
        if items is not None:
            return tuple(parse_value(item) for item in items)
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
