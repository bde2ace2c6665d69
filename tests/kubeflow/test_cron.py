"""Five fields for people mean to Kubeflow's Go what they mean here."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from poseline.cron import next_times, zone
from poseline.errors import ConfigError
from poseline.kubeflow.cron import six_fields

GOLDEN = json.loads(Path(__file__).with_name("cron_golden.json").read_text())


@pytest.mark.parametrize(("line", "six", "due"), GOLDEN["lines"], ids=lambda v: v if v else "")
def test_go_reads_the_six_fields_as_the_five_are_read_here(line, six, due):
    """`due` is what Go's robfig/cron, which Kubeflow uses, makes of `six`."""
    assert six_fields(line) == six
    start = datetime.fromisoformat(GOLDEN["from"])
    assert [int(moment.timestamp()) for moment in next_times(line, start, len(due))] == due


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("0 0 3 * * 1", "6 fields"),
        ("@daily", "1 fields"),
        ("", "0 fields"),
        ("61 * * * *", "Bad minute"),
        ("0 25 * * *", "Bad hour"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("0 0 L * *", "no L, LW and #"),
        ("0 0 LW * *", "no L, LW and #"),
        ("0 0 * * 5#2", "no L, LW and #"),
        ("0 0 * * 5L", "no L, LW and #"),
        ("0 0 ? * *", "Bad day-of-month"),
        ("0 3 * * 1; rm", "6 fields"),
        ("a b c d e", "Bad minute"),
    ],
)
def test_what_is_no_line(line, found):
    with pytest.raises(ConfigError, match="five fields: minute") as error:
        six_fields(line)
    assert found in str(error.value)


def test_times_are_in_a_zone():
    start = datetime(2026, 3, 28, 12, tzinfo=zone("Europe/Berlin"))
    hours = [moment.astimezone(UTC).hour for moment in next_times("0 3 * * *", start, 2)]
    assert hours == [1, 1]  # 03:00 is 01:00 UTC from the 29th on
    with pytest.raises(ConfigError, match="Europe/Berlin"):
        zone("Mars/Olympus")
    with pytest.raises(ConfigError):
        zone("../etc/passwd")
