"""Structured, quiet logs: human-readable on a terminal, JSON lines in a pod."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

import structlog

from poseline.terminal import one_line


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
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
            *([] if json else [_safe]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(name, logging.INFO)
        ),
        # Looked up at each call: whoever replaces stderr may close it later.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _safe(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Write out what a terminal would obey; JSON does so by itself."""
    return {
        one_line(name): one_line(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))
