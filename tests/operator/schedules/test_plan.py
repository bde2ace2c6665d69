from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseline.cron import Slots
from poseline.errors import ConfigError
from poseline.operator.schedules.plan import Child, Schedule, decide

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOURLY = Schedule("nightly", NOON, Slots("0 * * * *", "Etc/UTC"))


def hours(count):
    return NOON + timedelta(hours=count)


def test_nothing_is_due_before_the_first_slot():
    found = decide(HOURLY, [], NOON + timedelta(minutes=59))
    assert found.slot is None
    assert found.next == hours(1)


def test_of_missed_slots_the_latest_is_caught_up_once():
    found = decide(HOURLY, [], hours(5.5))
    assert found.slot == found.last == hours(5)
    assert decide(replace(HOURLY, last=found.last), [], hours(5.6)).slot is None


def test_who_died_before_writing_it_down_makes_nothing_new():
    child = Child(HOURLY.child_name(hours(1)), hours(1))
    found = decide(HOURLY, [child], hours(1.1))
    assert (found.slot, found.last) == (None, hours(1))


def test_a_slot_older_than_the_deadline_is_left_out():
    schedule = replace(HOURLY, deadline=600)
    assert decide(schedule, [], hours(1) + timedelta(seconds=600)).slot == hours(1)
    late = decide(schedule, [], hours(1) + timedelta(seconds=601))
    assert (late.slot, late.missed) == (None, hours(1))


ACTIVE = Child("a", NOON, "Running")


def test_concurrency():
    def at_one(policy, *children):
        return decide(replace(HOURLY, policy=policy), children, hours(1.1))

    assert at_one("Forbid", ACTIVE).waiting == hours(1)
    assert at_one("Forbid", ACTIVE).slot is None
    assert at_one("Forbid", replace(ACTIVE, deleted=True)).slot is None
    assert at_one("Forbid", replace(ACTIVE, phase="Failed")).slot == hours(1)
    assert at_one("Allow", ACTIVE).slot == hours(1)
    assert at_one("Allow", ACTIVE).replaced == ()
    assert at_one("Replace", ACTIVE).replaced == ("a",)
    assert at_one("Replace", ACTIVE).slot == hours(1)
    assert decide(replace(HOURLY, policy="Replace"), [ACTIVE], NOON).replaced == ()


def test_suspended_nothing_is_made_and_afterwards_the_latest():
    assert decide(replace(HOURLY, suspended=True), [], hours(3)).slot is None
    assert decide(replace(HOURLY, suspended=True), [], hours(3)).next is None
    assert decide(HOURLY, [], hours(3.5)).slot == hours(3)


def test_the_oldest_of_the_ended_go():
    good = [Child(f"g{i}", hours(i), "Succeeded") for i in range(5)]
    bad = [Child(f"b{i}", hours(i), "Failed") for i in range(3)]
    found = decide(HOURLY, [*reversed(good), *bad, ACTIVE], NOON)
    assert found.surplus == ("g0", "g1", "b0", "b1")
    assert decide(replace(HOURLY, succeeded=0, failed=9), good, NOON).surplus == tuple(
        child.name for child in good
    )


@pytest.mark.parametrize(
    ("line", "zone", "key"),
    [
        ("0 0 30 2 *", "Etc/UTC", "schedule"),
        ("0 0 0 * * *", "Etc/UTC", "schedule"),
        ("61 * * * *", "Etc/UTC", "schedule"),
        ("0 * * * *", "Europe/Zürich", "timeZone"),
        ("0 * * * *", "../etc/passwd", "timeZone"),
        ("0 * * * *", "", "timeZone"),
    ],
)
def test_what_cannot_be_read_is_told(line, zone, key):
    with pytest.raises(ConfigError, match=key):
        Slots(line, zone)


@pytest.mark.parametrize(
    ("line", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-29", ["01:00"]),  # the hour from 2 to 3 is left out
        ("30 2 * * *", "2026-10-25", ["00:30"]),  # it comes twice
        ("30 1 * * *", "2026-10-25", ["23:30"]),
        ("0 */6 * * *", "2026-03-29", ["23:00", "04:00", "10:00", "16:00"]),
        ("0 */6 * * *", "2026-10-25", ["22:00", "05:00", "11:00", "17:00"]),
    ],
)
def test_changes_of_the_clock(line, day, expected):
    slots = Slots(line, "Europe/Zurich")
    start = datetime.fromisoformat(f"{day}T00:00+0{2 if day.startswith('2026-10') else 1}:00")
    found, moment = [], start - timedelta(seconds=1)
    while (moment := slots.after(moment)) < start + timedelta(hours=23):
        found.append(f"{moment:%H:%M}")
    assert found == expected


ZONES = st.sampled_from(
    ["Etc/UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
LINES = st.sampled_from(
    [
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0 0 * * 0",
        "15 1,2,3 * * *",
        "0 */5 1-7 * *",
        "59 23 L * *",
    ]
)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@given(line=LINES, zone=ZONES, moment=TIMES)
@settings(max_examples=150, deadline=None)
def test_forwards_and_backwards_are_the_same_slots(line, zone, moment):
    slots = Slots(line, zone)
    following = slots.after(moment)
    assert following > moment
    assert slots.latest(moment, following) == following
    assert slots.latest(moment, following - timedelta(seconds=1)) is None
    second = slots.after(following)
    assert slots.latest(moment, second - timedelta(microseconds=1)) == following


@given(
    line=LINES,
    zone=ZONES,
    start=TIMES,
    policy=st.sampled_from(["Allow", "Forbid", "Replace"]),
    deadline=st.sampled_from([None, 60, 7200]),
    steps=st.lists(
        st.tuples(
            st.integers(1, 100_000),
            st.sampled_from(["written", "written", "died after making it", "died before"]),
            st.sampled_from([None, "Succeeded", "Failed"]),
        ),
        max_size=12,
    ),
)
@settings(max_examples=150, deadline=None)
def test_no_slot_is_made_twice_and_limits_hold(line, zone, start, policy, deadline, steps):
    schedule = Schedule("s", start, Slots(line, zone), policy, deadline, succeeded=2, failed=1)
    children, made, now = {}, [], start
    for seconds, what, end in steps:
        now += timedelta(seconds=seconds)
        children = {
            n: replace(c, phase=end) if end and c.active else c for n, c in children.items()
        }
        found = decide(schedule, list(children.values()), now)
        if what == "died before":
            continue
        for name in found.replaced:
            del children[name]
        if found.slot:
            name = schedule.child_name(found.slot)
            assert name not in made
            made.append(name)
            assert found.slot <= now
            assert policy != "Forbid" or not any(child.active for child in children.values())
            children[name] = Child(name, now)
        if what == "written":
            schedule = replace(schedule, last=found.last)
            for name in found.surplus:
                del children[name]
    active = sum(child.active for child in children.values())
    assert policy == "Allow" or active <= 1
