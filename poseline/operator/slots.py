"""The slots of a cron line in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from poseline.errors import ConfigError, Problem

_FIELDS = 5


class Slots:
    """When a schedule is due.

    Across a change of the clock it is as in cron: a slot in the hour that is left out comes right
    after it, one in the hour that comes twice comes once, and `*` goes by the time that passes.

    Args:
        schedule: Five fields of cron.
        zone: Name of a time zone.

    Raises:
        ConfigError: One of them cannot be read.
    """

    def __init__(self, schedule: str, zone: str) -> None:
        self._schedule = schedule
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise _fault("timeZone", zone, "a name of the IANA, such as Europe/Zurich") from None
        accepted = "five fields of cron: minute, hour, day, month, day of the week"
        if len(schedule.split()) != _FIELDS:
            raise _fault("schedule", schedule, accepted)
        try:
            self.after(datetime.now(UTC))
        except CronSimError:
            raise _fault("schedule", schedule, accepted) from None
        except StopIteration:
            raise _fault("schedule", schedule, "a time that comes") from None

    def after(self, moment: datetime) -> datetime:
        """Return the first slot after a moment, UTC."""
        found: datetime = next(CronSim(self._schedule, self._local(moment)))
        return found.astimezone(UTC)

    def latest(self, since: datetime, now: datetime) -> datetime | None:
        """Return the last slot after `since` and not after `now`, UTC; None: there is none."""
        before = now.replace(microsecond=0) + timedelta(seconds=1)
        found = next(CronSim(self._schedule, self._local(before), reverse=True), None)
        slot = found.astimezone(UTC) if found else None
        return slot if slot and since < slot <= now else None

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)


def _fault(key: str, found: str, accepted: str) -> ConfigError:
    return ConfigError([Problem(f"spec.{key}", repr(found), accepted)], "the schedule")
