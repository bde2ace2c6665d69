"""Structured, quiet logs: human-readable on a terminal, JSON lines in a pod."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from poseline.masking import mask
from poseline.terminal import safe

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

_FOREIGN = ("absl", "h5py", "tensorflow")
"""Loggers of libraries whose hints do not help the user of a command."""


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
    _asked.update(level=logging.getLevelNamesMapping().get(name, logging.INFO), json=json)
    _done.clear()
    logging.setLogRecordFactory(_record)
    for foreign in _FOREIGN:
        logging.getLogger(foreign).setLevel(logging.ERROR)
    sys.excepthook = _say_uncaught
    threading.excepthook = lambda hook: _say_uncaught(*hook[:3])


_asked: dict[str, Any] = {}
_done: set[str] = set()


class _Logger:
    """A logger of structlog, which is imported with the first line that is logged.

    Most commands log nothing, and structlog takes longer to import than they take to run.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog

        if _asked and not _done:
            from poseline import log_format

            log_format.configure(**_asked)
            _done.add("configured")
        return getattr(structlog.get_logger(self._name), method)


def get_logger(name: str) -> BoundLogger:
    """Return the logger of one module."""
    return cast("BoundLogger", _Logger(name))


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Make a record of the standard library's logging, which other libraries use."""
    record = logging.LogRecord(*args, **kwargs)
    with suppress(Exception):  # a library's wrong arguments are reported by the handler
        record.msg, record.args = mask(record.getMessage()), None
    if record.exc_info and isinstance(record.exc_info, tuple) and record.exc_info[0]:
        record.exc_text = mask("".join(traceback.format_exception(*record.exc_info))).rstrip()
    return record


def _say_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(safe(mask("".join(traceback.format_exception(kind, error, trace)))))
