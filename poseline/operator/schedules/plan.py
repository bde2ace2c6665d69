"""What is to be done for a schedule, from its experiments and the time: pure, safe to repeat.

The name of an experiment comes from its slot alone, so that whoever dies between making it and
writing that down, and does it again, makes nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from poseline.cron import Slots
from poseline.operator.api.kinds import Concurrency, Phase


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
        slots: When it is due.
        policy: What happens at a slot while an experiment is active.
        deadline: Seconds after which a missed slot is left out; None: never.
        suspended: Whether nothing is made.
        succeeded: Succeeded experiments to keep.
        failed: Failed experiments to keep.
        last: The last slot that an experiment was made for.
    """

    name: str
    created: datetime
    slots: Slots
    policy: Concurrency = "Forbid"
    deadline: int | None = None
    suspended: bool = False
    succeeded: int = 3
    failed: int = 1
    last: datetime | None = None

    def child_name(self, slot: datetime) -> str:
        """Return the name of a slot's experiment: the slot in minutes since 1970, as a CronJob."""
        return f"{self.name}-{int(slot.timestamp()) // 60}"


@dataclass(frozen=True)
class Decision:
    """What is to be done, in this order.

    Attributes:
        replaced: Active experiments to delete first.
        slot: The slot to make an experiment for; None: none.
        last: The last slot that has one then.
        surplus: Ended experiments to delete.
        waiting: The slot that waits for an active experiment to end.
        missed: The latest slot that is left out, being too old.
        next: The next slot; None: suspended.
    """

    replaced: tuple[str, ...]
    slot: datetime | None
    last: datetime | None
    surplus: tuple[str, ...]
    waiting: datetime | None
    missed: datetime | None
    next: datetime | None


def decide(schedule: Schedule, children: Sequence[Child], now: datetime) -> Decision:
    """Return what is to be done for a schedule.

    Of several slots that were missed, the latest alone is caught up; also after `suspend`.

    Args:
        schedule: The schedule.
        children: Its experiments.
        now: The time, UTC.
    """
    since = schedule.last or schedule.created
    slot = None if schedule.suspended else schedule.slots.latest(since, now)
    last, missed, waiting = schedule.last, None, None
    if slot and schedule.deadline is not None and now - slot > timedelta(seconds=schedule.deadline):
        slot, missed = None, slot
    if slot and any(child.name == schedule.child_name(slot) for child in children):
        slot, last = None, slot  # made by somebody who could not write it down
    active = [child.name for child in children if child.active and not child.deleted]
    stopping = any(child.active and child.deleted for child in children)
    if slot and schedule.policy == "Forbid" and (active or stopping):
        slot, waiting = None, slot
    return Decision(
        replaced=tuple(active) if slot and schedule.policy == "Replace" else (),
        slot=slot,
        last=slot or last,
        surplus=_surplus(children, "Succeeded", schedule.succeeded)
        + _surplus(children, "Failed", schedule.failed),
        waiting=waiting,
        missed=missed,
        next=None if schedule.suspended else schedule.slots.after(now),
    )


def _surplus(children: Sequence[Child], phase: Phase, keep: int) -> tuple[str, ...]:
    ended = sorted(
        (child for child in children if child.phase == phase and not child.deleted),
        key=lambda child: (child.created, child.name),
    )
    return tuple(child.name for child in ended[: max(0, len(ended) - keep)])
