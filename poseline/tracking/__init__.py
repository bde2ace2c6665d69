"""MLflow; nothing else imports it, and importing this package does not either."""

from poseline.tracking.outbox import outboxes
from poseline.tracking.sender import sync
from poseline.tracking.tracker import StageRun, Tracker, open_tracker

__all__ = ["StageRun", "Tracker", "open_tracker", "outboxes", "sync"]
