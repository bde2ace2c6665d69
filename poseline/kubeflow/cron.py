"""Cron lines: five fields for people, six for Kubeflow, and when they are due."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from poseline.errors import ConfigError, Problem

_ACCEPTED = "five fields: minute, hour, day of month, month, day of week, such as 0 3 * * 1"
_PLAIN = re.compile(r"\*(/\d+)?|\d+(-\d+)?")


def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ConfigError: There is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = Problem("time zone", repr(name), "a name such as UTC or Europe/Berlin")
        raise ConfigError([problem], "the command line") from None


def next_times(line: str, after: datetime, count: int = 3) -> list[datetime]:
    """Return when a five-field line is due next, in the zone of `after`.

    Raises:
        ConfigError: The line is no cron line.
    """
    schedule = _read(line, after)
    return [moment for moment, _ in zip(schedule, range(count), strict=False)]


def six_fields(line: str) -> str:
    """Return a five-field line as Kubeflow takes it: with seconds, and Sunday as 0.

    Kubeflow reads lines by Go's robfig/cron 1.2, which shifts five fields by one without a word,
    has no day 7, and takes a star for one wherever it is in a field. The result is due when
    `next_times` says.

    Raises:
        ConfigError: The line is no cron line, or says what Kubeflow has no words for.
    """
    schedule = _read(line, datetime(2000, 1, 1))
    minute, hour, day, month, weekday = line.upper().split()
    if not all(isinstance(item, int) and item >= 0 for item in schedule.days | schedule.weekdays):
        raise _problem(line, "Kubeflow knows no L, LW and #")
    weekdays = {item % 7 for item in schedule.weekdays if isinstance(item, int)}
    fields = (
        _field(minute, schedule.minutes),
        _field(hour, schedule.hours),
        _field(day, schedule.days),
        _field(month, schedule.months),
        _field(weekday, weekdays),
    )
    return " ".join(("0", *fields))


def _read(line: str, after: datetime) -> CronSim:
    if len(line.split()) != 5:
        raise _problem(line, f"{len(line.split())} fields")
    try:
        return CronSim(line, after)
    except CronSimError as error:
        raise _problem(line, str(error)) from None


def _field(text: str, values: set[int]) -> str:
    """Write a field as it is where that has one reading, else as a list of its values.

    A star that leads it stays, since days are then those of the month that are also of the week.
    """
    is_sunday_7 = text[-1] == "7" and max(values) < 7
    if _PLAIN.fullmatch(text) and (text[0] == "*" or not is_sunday_7):
        return text
    listed = ",".join(map(str, sorted(values)))
    return f"{text.split(',')[0]},{listed}" if text.startswith("*") else listed


def _problem(line: str, found: str) -> ConfigError:
    return ConfigError([Problem("schedule", f"{line!r} ({found})", _ACCEPTED)], "the command line")
