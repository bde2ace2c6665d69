"""How structlog writes a line: without secrets, and safe for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from poseline.masking import masked
from poseline.quiet import UsersStderr
from poseline.terminal import note_output, one_line, safe


def configure(level: int, *, json: bool) -> None:
    """Set structlog up.

    Args:
        level: The least level of `logging` that is written.
        json: JSON lines instead of text.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            # Without the values of local variables, which the library's own choice shows.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
            structlog.processors.format_exc_info,
            _noted,
            _hide_secrets,
            *([] if json else [_safe]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up at each call: whoever replaces stderr may close it later.
        logger_factory=lambda *_: structlog.PrintLogger(cast(TextIO, UsersStderr())),
    )


def _noted(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    note_output()
    return event


def _hide_secrets(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {name: masked(_plain(value)) for name, value in event.items()}


def _plain(value: Any) -> Any:
    """Return what a renderer would write of a value that is not JSON."""
    known = (str, bytes, int, float, Mapping, list, tuple, type(None))
    return value if isinstance(value, known) else str(value)


def _safe(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Write out what a terminal would obey; JSON does so by itself."""
    trace = {name: safe(event[name]) for name in ("exception",) if name in event}
    return trace | {
        one_line(name): one_line(value) if isinstance(value, str) else value
        for name, value in event.items()
        if name not in trace
    }
