"""Numbers as people read them: on the terminal, in a report."""

from __future__ import annotations

import math
from typing import Any


def format_number(value: Any) -> str:
    """Return a value as text; a number with the digits that its size deserves, "–" for NaN."""
    if not is_number(value):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:,.1f}"


def significant(value: float, digits: int = 4) -> str:
    """Return a number with its significant digits, never in scientific notation."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
