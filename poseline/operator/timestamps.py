"""Times as Kubernetes writes them, and the operator's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time, UTC."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Return a time as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """Return the time that Kubernetes wrote; None where there is none."""
    return datetime.fromisoformat(text) if text else None
