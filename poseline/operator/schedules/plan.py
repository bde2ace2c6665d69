"""What is to be done for a schedule, from its experiments and the time: pure, safe to repeat.

The name of an experiment comes from its slot, or from the first sight of a changed data set, alone,
so that whoever dies between making it and writing that down, and does it again, makes nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from poseline.cron import Slots
from poseline.operator.api.kinds import Concurrency, Phase
from poseline.operator.schedules.watch import Watch


@dataclass(frozen=True)
class Child:
    """An experiment that the schedule made.

    Attributes:
        name: Its name.
        created: When it was made.
        phase: Its phase; None: new.
        completed: When it ended.
        deleted: Whether it is going away.
    """

    name: str
    created: datetime
    phase: Phase | None = None
    completed: datetime | None = None
    deleted: bool = False

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ("Succeeded", "Failed")


@dataclass(frozen=True)
class Schedule:
    """A PoseSchedule, as far as the decision depends on it.

    Attributes:
        name: Its name.
        created: When it was made.
        slots: When it is due; None: when the data set changes alone.
        policy: What happens at a slot while an experiment is active.
        deadline: Seconds after which a missed slot is left out; None: never.
        suspended: Whether nothing is made.
        succeeded: Succeeded experiments to keep.
        failed: Failed experiments to keep.
        last: The last slot that an experiment was made for.
        watch: The data set that is watched, with what is known of it; None: none is.
    """

    name: str
    created: datetime
    slots: Slots | None
    policy: Concurrency = "Forbid"
    deadline: int | None = None
    suspended: bool = False
    succeeded: int = 3
    failed: int = 1
    last: datetime | None = None
    watch: Watch | None = None

    def child_name(self, slot: datetime) -> str:
        """Return the name of a slot's experiment: the slot in minutes since 1970, as a CronJob."""
        return f"{self.name}-{int(slot.timestamp()) // 60}"

    def name_for_change(self, since: datetime) -> str:
        """Return the name of a change's experiment: its first sight in seconds since 1970."""
        return f"{self.name}-{int(since.timestamp())}"


@dataclass(frozen=True)
class Decision:
    """What is to be done, in this order.

    Attributes:
        replaced: Active experiments to delete first.
        slot: The slot to make an experiment for; None: none.
        change: The first sight of the change to make an experiment for; None: none.
        watch: What is known of the data set then.
        last: The last slot that has one then.
        surplus: Ended experiments to delete.
        waiting: The slot, or the sight of a change, that waits for an active experiment to end.
        missed: The latest slot that is left out, being too old.
        next: The next slot; None: suspended, or there are none.
    """

    replaced: tuple[str, ...]
    slot: datetime | None
    change: datetime | None
    watch: Watch | None
    last: datetime | None
    surplus: tuple[str, ...]
    waiting: datetime | None
    missed: datetime | None
    next: datetime | None


def decide(schedule: Schedule, children: Sequence[Child], now: datetime) -> Decision:
    """Return what is to be done for a schedule.

    Of several slots that were missed, the latest alone is caught up; also after `suspend`. A
    changed data set waits for whatever is active, under each policy.

    Args:
        schedule: The schedule.
        children: Its experiments.
        now: The time, UTC.
    """
    names = {child.name for child in children}
    slot, missed = _due_slot(schedule, now)
    last, waiting = schedule.last, None
    if slot and schedule.child_name(slot) in names:
        slot, last = None, slot  # made by somebody who could not write it down
    active = [child.name for child in children if child.active and not child.deleted]
    busy = any(child.active for child in children)
    if slot and schedule.policy == "Forbid" and busy:
        slot, waiting = None, slot
    watch = remembered(schedule, children)
    change = watch.due if watch and not schedule.suspended and not slot else None
    if change and busy:
        change, waiting = None, waiting or change
    if watch and (slot or change):
        watch = watch.after_experiment()
    return Decision(
        replaced=tuple(active) if slot and schedule.policy == "Replace" else (),
        slot=slot,
        change=change,
        watch=watch,
        last=slot or last,
        surplus=_surplus(children, "Succeeded", schedule.succeeded)
        + _surplus(children, "Failed", schedule.failed),
        waiting=waiting,
        missed=missed,
        next=schedule.slots.after(now) if schedule.slots and not schedule.suspended else None,
    )


def remembered(schedule: Schedule, children: Sequence[Child]) -> Watch | None:
    """Return what is known of the data set, with an experiment that nobody wrote down."""
    watch = schedule.watch
    if watch and watch.changed and watch.since:
        name = schedule.name_for_change(watch.since)
        if any(child.name == name for child in children):
            return watch.after_experiment()
    return watch


def _due_slot(schedule: Schedule, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the slot that is due and the one that is left out, being too old."""
    if schedule.suspended or not schedule.slots:
        return None, None
    slot = schedule.slots.latest(schedule.last or schedule.created, now)
    if slot and schedule.deadline is not None and now - slot > timedelta(seconds=schedule.deadline):
        return None, slot
    return slot, None


def _surplus(children: Sequence[Child], phase: Phase, keep: int) -> tuple[str, ...]:
    ended = sorted(
        (child for child in children if child.phase == phase and not child.deleted),
        key=lambda child: (child.created, child.name),
    )
    return tuple(child.name for child in ended[: max(0, len(ended) - keep)])
