"""Structured, quiet logs: human-readable on a terminal, JSON lines in a pod."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, cast

import structlog

from poseline.masking import mask, masked
from poseline.terminal import one_line, safe


def configure(level: str | None = None, json: bool | None = None) -> None:
    """Set up logging once, at a program's entry.

    Args:
        level: A level name of `logging`; defaults to `POSELINE_LOG_LEVEL`, then `INFO`.
        json: JSON lines instead of text; defaults to `POSELINE_LOG_JSON=1`, or to no terminal
            inside Kubernetes.
    """
    name = (level or os.environ.get("POSELINE_LOG_LEVEL") or "INFO").upper()
    if json is None:
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not sys.stderr.isatty()
        json = os.environ.get("POSELINE_LOG_JSON", "1" if in_pod else "0") == "1"
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
            _hide_secrets,
            *([] if json else [_safe]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(name, logging.INFO)
        ),
        # Looked up at each call: whoever replaces stderr may close it later.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.setLogRecordFactory(_record)
    sys.excepthook = _say_uncaught
    threading.excepthook = lambda hook: _say_uncaught(*hook[:3])


def _hide_secrets(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {name: masked(_plain(value)) for name, value in event.items()}


def _plain(value: Any) -> Any:
    """Return what a renderer would write of a value that is no JSON."""
    known = (str, bytes, int, float, Mapping, list, tuple, type(None))
    return value if isinstance(value, known) else str(value)


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record of the standard library's logging, which other libraries use."""
    record = logging.LogRecord(*args, **kwargs)
    with suppress(Exception):  # a library's wrong arguments are told by the handler
        record.msg, record.args = mask(record.getMessage()), None
    if record.exc_info and isinstance(record.exc_info, tuple) and record.exc_info[0]:
        record.exc_text = mask("".join(traceback.format_exception(*record.exc_info))).rstrip()
    return record


def _say_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(safe(mask("".join(traceback.format_exception(kind, error, trace)))))


def _safe(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Write out what a terminal would obey; JSON does so by itself."""
    trace = {name: safe(event[name]) for name in ("exception",) if name in event}
    return trace | {
        one_line(name): one_line(value) if isinstance(value, str) else value
        for name, value in event.items()
        if name not in trace
    }


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))
