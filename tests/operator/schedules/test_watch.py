from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseline.cron import Slots
from poseline.operator.schedules.plan import Child, Schedule, decide, remembered
from poseline.operator.schedules.watch import Watch, parse_every

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def looks(*found):
    """What is known after looks a quarter of an hour apart, the first at noon."""
    watch = Watch(QUARTER)
    for index, each in enumerate(found):
        watch = watch.after_look(each, NOON + index * QUARTER)
    return watch


def decided(watch, *children, slots=None, **others):
    schedule = Schedule("people", NOON, slots, watch=watch, **others)
    return decide(schedule, children, NOON + timedelta(hours=2))


@pytest.mark.parametrize(
    ("found", "since"),
    [
        (["a"], None),
        (["a", "a", "a"], None),
        (["a", "b"], None),
        (["a", "b", "b"], 1),
        (["a", "b", "c"], None),
        (["a", "b", "c", "c", "c"], 2),
        (["a", "b", "a", "a"], None),
        (["a", "", ""], None),
        (["", "a", "a"], 1),
        (["a", "", "b", "b"], 2),
        (["a", "", "a", "a"], None),
    ],
)
def test_another_content_is_due_once_two_looks_found_it(found, since):
    assert looks(*found).due == (None if since is None else NOON + since * QUARTER)


def test_a_look_right_after_another_settles_nothing():
    watch = looks("a", "b")
    soon = watch.after_look("b", NOON + QUARTER + timedelta(seconds=5))
    assert soon.due is None
    assert soon.after_look("b", NOON + 2 * QUARTER).due == NOON + QUARTER


def test_a_look_that_fails_changes_nothing_but_its_time():
    watch = looks("a", "b").after_fault(NOON + 2 * QUARTER)
    assert watch.next(NOON + 2 * QUARTER) == NOON + 3 * QUARTER
    assert watch.after_look("b", NOON + 3 * QUARTER).due == NOON + QUARTER


def test_the_next_look_is_due_after_a_while_and_at_once_where_the_clock_was_set_back():
    assert Watch(QUARTER).next(NOON) == NOON
    assert looks("a").next(NOON + timedelta(minutes=3)) == NOON + QUARTER
    assert looks("a").next(NOON - timedelta(hours=3)) == NOON - timedelta(hours=3)


def test_a_change_makes_one_experiment():
    watch = looks("a", "b", "b")
    found = decided(watch)
    name = f"people-{int((NOON + QUARTER).timestamp())}"
    assert found.change == NOON + QUARTER
    assert Schedule("people", NOON, None).name_for_change(found.change) == name
    assert found.watch.known == "b"
    assert found.next is None
    assert decided(found.watch).change is None
    again = decided(watch, Child(name, NOON, "Running"))  # nobody wrote it down
    assert (again.change, again.watch.known, again.waiting) == (None, "b", None)


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_change_waits_for_whatever_is_active(policy, deleted):
    watch = looks("a", "b", "b")
    found = decided(watch, Child("x", NOON, "Running", deleted=deleted), policy=policy)
    assert (found.change, found.waiting, found.replaced) == (None, NOON + QUARTER, ())
    assert found.watch == watch
    assert decided(watch, Child("x", NOON, "Failed"), policy=policy).change == NOON + QUARTER


def test_the_experiment_of_a_slot_reads_what_was_seen():
    hourly = Slots("0 * * * *", "Etc/UTC")
    found = decided(looks("a", "b"), slots=hourly)
    assert (found.slot, found.change) == (NOON + timedelta(hours=2), None)
    assert found.watch.known == "b"
    assert found.watch.after_look("b", NOON + timedelta(hours=2)).due is None
    assert found.watch.after_look("c", NOON + timedelta(hours=2)).changed


def test_suspended_a_change_waits():
    watch = looks("a", "b", "b")
    assert decided(watch, suspended=True).change is None
    assert decided(watch, suspended=True).watch == watch


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("1h30m", 5400), ("10s", 10), ("2h5s", 7205)]
)
def test_times_between_looks(text, seconds):
    assert parse_every(text) == timedelta(seconds=seconds)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", ""]),
            st.sampled_from(["written", "written", "died after making it", "died before"]),
            st.sampled_from([None, "Succeeded", "Failed"]),
        ),
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_change_is_trained_twice_and_one_at_a_time(steps):
    schedule = Schedule("s", NOON, None, watch=Watch(QUARTER), succeeded=99, failed=99)
    children, now, trained = {}, NOON, []
    for found, what, end in steps:
        now += QUARTER
        children = {
            n: replace(c, phase=end) if end and c.active else c for n, c in children.items()
        }
        watch = remembered(schedule, list(children.values()))
        looked = replace(schedule, watch=watch.after_look(found, now))
        decision = decide(looked, list(children.values()), now)
        if what == "died before":
            continue
        if decision.change:
            name = schedule.name_for_change(decision.change)
            assert name not in children
            assert not any(child.active for child in children.values())
            assert found
            assert trained[-1:] != [found]
            children[name] = Child(name, now)
            trained.append(found)
        if what == "written":
            schedule = replace(schedule, watch=decision.watch)
    assert sum(child.active for child in children.values()) <= 1
