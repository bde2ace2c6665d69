"""Cron lines of five fields, in a time zone: when they are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from poseline.errors import ConfigError, Problem

_FIELDS = 5
_ACCEPTED = "five fields: minute, hour, day of month, month, day of week, such as 0 3 * * 1"
_ZONES = "an IANA name, such as UTC or Europe/Berlin"
_COMMAND_LINE = "the command line"


def zone(name: str, key: str = "time zone", source: str = _COMMAND_LINE) -> ZoneInfo:
    """Return a time zone.

    Args:
        name: Its IANA name.
        key: What the error names.
        source: Where the name was written, for the error.

    Raises:
        ConfigError: There is no time zone of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError([Problem(key, repr(name), _ZONES)], source) from None


def read_line(line: str, after: datetime) -> CronSim:
    """Return the moments of a five-field line after a moment, in its zone.

    Raises:
        ConfigError: It is not a cron line.
    """
    if len(line.split()) != _FIELDS:
        raise line_error(line, f"{len(line.split())} fields")
    try:
        return CronSim(line, after)
    except CronSimError as error:
        raise line_error(line, str(error)) from None


def line_error(line: str, found: str) -> ConfigError:
    """Return the error that says what is wrong with a line."""
    return ConfigError([Problem("schedule", f"{line!r} ({found})", _ACCEPTED)], _COMMAND_LINE)


def next_times(line: str, after: datetime, count: int = 3) -> list[datetime]:
    """Return when a five-field line is due next, in the zone of `after`.

    Raises:
        ConfigError: It is not a cron line.
    """
    schedule = read_line(line, after)
    return [moment for moment, _ in zip(schedule, range(count), strict=False)]


class Slots:
    """When a schedule is due.

    Across a change of the clock it is as in cron: a slot in the hour that is left out comes right
    after it, one in the hour that comes twice comes once, and `*` goes by the time that passes.

    Args:
        schedule: Five fields of cron.
        time_zone: IANA name of a time zone.

    Raises:
        ConfigError: One of them cannot be read.
    """

    def __init__(self, schedule: str, time_zone: str) -> None:
        self._schedule = schedule
        self._zone = zone(time_zone, "spec.timeZone", "the schedule")
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
