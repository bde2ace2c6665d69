"""Text for a terminal: what comes from outside is shown, and neither obeyed nor interpreted."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from rich import console as rich
from rich.segment import Segment

_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1: escapes, bells, carriage returns, …
    r"\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"  # the order of letters
    r"\ud800-\udfff]"  # halves of pairs, which no encoding takes
)


_output = [0.0]


def note_output() -> None:
    """Note that the user has just been shown something."""
    _output[0] = time.monotonic()


def last_output() -> float:
    """Return when the user was last shown something, on the clock of `time.monotonic`."""
    return _output[0]


def safe(text: str) -> str:
    r"""Return text with what a terminal would obey written out, such as `\x1b`.

    Line feeds and tabs are left.
    """
    return _OBEYED.sub(_written, text)


def one_line(text: str) -> str:
    r"""Return text as `safe` does, with `\n` and `\t` written out as well."""
    return safe(text).replace("\n", r"\n").replace("\t", r"\t")


class Console(rich.Console):
    """A console of rich that takes text as it is: without markup, and made `safe`.

    Args:
        options: Of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})

    def render(
        self, renderable: rich.RenderableType, options: rich.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render; part of rich's protocol."""
        for segment in super().render(renderable, options):
            plain = segment.control or not _OBEYED.search(segment.text)
            yield segment if plain else Segment(safe(segment.text), segment.style)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
