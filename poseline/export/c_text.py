"""Values as C99 writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

C_TYPES = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "float32": "float"}


def real(value: float) -> str:
    """Return a float constant that reads back as the same float32."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def values(numbers: Any) -> list[str]:
    """Return the constants of an array, in order."""
    flat = np.asarray(numbers).ravel()
    return [real(v) for v in flat] if flat.dtype.kind == "f" else [str(int(v)) for v in flat]


def rows(constants: Iterable[str], width: int = 96) -> str:
    """Return an initializer's content in lines of at most `width` columns."""
    lines, line = [], "   "
    for constant in constants:
        if len(line) + len(constant) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {constant},"
    return "\n".join([*lines, line]).rstrip(",")


def text(value: str) -> str:
    """Return a string constant; what is not printable ASCII becomes a question mark."""
    plain = "".join(c if 32 <= ord(c) < 127 else "?" for c in value)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'


def comment(value: str) -> str:
    """Return text that can stand in a comment."""
    plain = "".join(c if 32 <= ord(c) < 127 else "?" for c in value)
    return plain.replace("*/", "* /").replace("/*", "/ *")
