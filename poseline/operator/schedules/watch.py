"""What a schedule knows of the data set that it watches: pure, as a status has it.

The set as it is found first is known. Another content is due once two looks in a row have found
it, so that an upload under way starts nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class Watch:
    """A data set that is watched.

    Attributes:
        every: Time between two looks.
        known: Fingerprint of the set that the last experiment was made for, or that was found
            first; None: nobody has looked.
        seen: Fingerprint that the last look found; empty: nothing was there.
        since: The first look that found `seen`.
        looked: The last look, successful or not.
        settled: Whether a look has found `seen` again, and not right after the first.
    """

    every: timedelta
    known: str | None = None
    seen: str | None = None
    since: datetime | None = None
    looked: datetime | None = None
    settled: bool = False

    def next(self, now: datetime) -> datetime:
        """Return when the next look is due; at once where the clock was set back."""
        if self.looked is None or self.looked > now:
            return now
        return self.looked + self.every

    @property
    def changed(self) -> bool:
        """Whether there is something other than what is known."""
        return bool(self.seen) and self.seen != self.known

    @property
    def due(self) -> datetime | None:
        """The first sight of a change that wants an experiment; None: there is none."""
        return self.since if self.changed and self.settled else None

    def after_look(self, found: str, now: datetime) -> Watch:
        """Return what is known after a look that found a fingerprint."""
        known = found if self.known is None else self.known
        if found == self.seen:
            settled = self.since is not None and now - self.since >= self.every
            return replace(self, known=known, looked=now, settled=self.settled or settled)
        return replace(self, known=known, seen=found, since=now, looked=now, settled=False)

    def after_fault(self, now: datetime) -> Watch:
        """Return what is known after a look that found out nothing."""
        return replace(self, looked=now)

    def after_experiment(self) -> Watch:
        """Return what is known once an experiment is made, which reads what was seen, or newer."""
        return replace(self, known=self.seen or self.known)


def parse_every(text: str) -> timedelta:
    """Return a time such as 15m or 1h30m; the API server has checked it."""
    found = _PARTS.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 15, 0)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
