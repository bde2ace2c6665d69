"""A cron line as Kubeflow takes it: six fields, seconds first."""

from __future__ import annotations

import re
from datetime import datetime

from poseline.cron import line_error, read_line

_PLAIN = re.compile(r"\*(/\d+)?|\d+(-\d+)?")


def six_fields(line: str) -> str:
    """Return a five-field line as Kubeflow takes it: with seconds, and Sunday as 0.

    Kubeflow reads lines by Go's robfig/cron 1.2, which shifts five fields by one without a word,
    has no day 7, and takes a star for one wherever it is in a field. The result is due when
    `next_times` says.

    Raises:
        ConfigError: The line is not a cron line, or says what Kubeflow has no words for.
    """
    schedule = read_line(line, datetime(2000, 1, 1))
    minute, hour, day, month, weekday = line.upper().split()
    if not all(isinstance(item, int) and item >= 0 for item in schedule.days | schedule.weekdays):
        raise line_error(line, "Kubeflow knows no L, LW and #")
    weekdays = {item % 7 for item in schedule.weekdays if isinstance(item, int)}
    fields = (
        _field(minute, schedule.minutes),
        _field(hour, schedule.hours),
        _field(day, schedule.days),
        _field(month, schedule.months),
        _field(weekday, weekdays),
    )
    return " ".join(("0", *fields))


def _field(text: str, values: set[int]) -> str:
    """Write a field as it is where that has one reading, else as a list of its values.

    A star that leads it stays, since days are then those of the month that are also of the week.
    """
    is_sunday_7 = text[-1] == "7" and max(values) < 7
    if _PLAIN.fullmatch(text) and (text[0] == "*" or not is_sunday_7):
        return text
    listed = ",".join(map(str, sorted(values)))
    return f"{text.split(',')[0]},{listed}" if text.startswith("*") else listed
