from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from poseline.operator.experiments import actions
from poseline.operator.experiments import plan as plans
from poseline.operator.experiments.plan import plan
from poseline.operator.experiments.state import Experiment, Limits, ObservedRun, Submission

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(poll=10, settle=60, deletion=600)
NEW = Experiment("team", "hands", "0123456789ab", 1, "A", finalizer=True)
ASKED = Submission(NEW.run_name, 1, "A", NOW)
RUNNING = ObservedRun("r1", NEW.run_name, "RUNNING", NOW, stage="train")
SUBMITTED = replace(NEW, submission=ASKED, run_id="r1", phase="Running")
ENDED = replace(SUBMITTED, phase="Succeeded", completed=NOW, finalizer=False)
GUARDED = replace(ENDED, finalizer=True)
TWICE = replace(ASKED, attempts=2)


def names(actions):
    return [type(action).__name__ for action in actions]


@pytest.mark.parametrize(
    ("experiment", "runs", "later", "expected"),
    [
        (replace(NEW, finalizer=False), (), 0, ["AddFinalizer"]),
        (NEW, (), 0, ["RecordSubmission", "Submit"]),
        (NEW, None, 0, []),
        (replace(NEW, suspended=True), (), 0, ["Report"]),
        (replace(NEW, fault="no"), (), 0, ["Report"]),
        (replace(NEW, finalizer=False, fault="no"), (), 0, ["Report"]),
        (replace(NEW, finalizer=False, suspended=True), (), 0, ["Report"]),
        (
            replace(NEW, finalizer=False, suspended=True),
            (RUNNING,),
            0,
            ["AddFinalizer", "Stop", "Requeue"],
        ),
        (replace(NEW, fault="no", phase="Failed", completed=NOW), (), 0, ["RemoveFinalizer"]),
        (replace(NEW, suspended=True, phase="Suspended"), (), 0, ["RemoveFinalizer"]),
        (replace(ENDED, submission=None, fault="no", phase="Failed"), (), 0, ["Report"]),
        (
            replace(ENDED, submission=None, fault="no", phase="Failed", ttl=9),
            (),
            9,
            ["Report", "Delete"],
        ),
        (replace(NEW, submission=ASKED), (), 59, ["Requeue"]),
        (replace(NEW, submission=ASKED), (), 61, ["RecordSubmission", "Submit"]),
        (replace(NEW, submission=ASKED), (RUNNING,), 0, ["Adopt"]),
        (SUBMITTED, (RUNNING,), 0, ["Report", "Requeue"]),
        (SUBMITTED, (), 0, ["Report"]),
        (SUBMITTED, (replace(RUNNING, state="FAILED"),), 0, ["Report"]),
        (
            SUBMITTED,
            (RUNNING, replace(RUNNING, id="r2")),
            0,
            ["RecordEvent", "Stop", "Report", "Requeue"],
        ),
        (replace(SUBMITTED, suspended=True), (RUNNING,), 0, ["Drop"]),
        (replace(SUBMITTED, hash="B"), (RUNNING,), 0, ["Drop"]),
        (replace(NEW, phase="Stopping", generation=2), (RUNNING,), 0, ["Stop", "Requeue"]),
        (replace(NEW, phase="Stopping", suspended=True), (RUNNING,), 0, ["Stop", "Requeue"]),
        (replace(SUBMITTED, deleted=NOW), (RUNNING,), 0, ["Report", "Stop", "Requeue"]),
        (replace(SUBMITTED, deleted=NOW), None, 599, ["Report", "Requeue"]),
        (replace(SUBMITTED, deleted=NOW), None, 601, ["RecordEvent", "RemoveFinalizer"]),
        (replace(SUBMITTED, deleted=NOW), (RUNNING,), 601, ["Stop", "RemoveFinalizer"]),
        (replace(SUBMITTED, deleted=NOW, finalizer=False), None, 601, []),
        (replace(NEW, submission=ASKED, deleted=NOW), (), 30, ["Report", "Requeue"]),
        (replace(ENDED, measured=True), (), 0, []),
        (ENDED, (), 0, ["Report", "Requeue"]),
        (replace(ENDED, phase="Failed", ttl=60), (), 59, ["Requeue"]),
        (replace(ENDED, phase="Failed", ttl=60), (), 60, ["Delete"]),
        (replace(ENDED, suspended=True, measured=True), (), 0, []),
        (replace(ENDED, deleted=NOW), (), 0, []),
        (replace(ENDED, hash="B"), (), 0, ["Drop"]),
        (replace(NEW, finalizer=False, phase="Stopping"), (), 0, ["AddFinalizer"]),
        (replace(SUBMITTED, finalizer=False), (RUNNING,), 0, ["AddFinalizer"]),
        (GUARDED, (), 0, ["RemoveFinalizer"]),
        (replace(GUARDED, submission=TWICE, measured=True), (), 59, ["Requeue"]),
        (replace(GUARDED, submission=TWICE), (), 60, ["RemoveFinalizer"]),
        (
            replace(GUARDED, submission=TWICE),
            (replace(RUNNING, state="SUCCEEDED"), replace(RUNNING, id="r2")),
            99,
            ["RecordEvent", "Stop", "Requeue"],
        ),
    ],
)
def test_what_is_done_next(experiment, runs, later, expected):
    assert names(plan(experiment, runs, NOW + timedelta(seconds=later), LIMITS)) == expected


def test_a_name_is_the_runs_own_and_fits():
    long = replace(NEW, namespace="n" * 63, name="x" * 253)
    assert NEW.run_name == "team-hands-01234567-g1"
    assert len(long.run_name) < 128
    assert long.run_name.endswith("-01234567-g1")


class LostError(Exception):
    """No answer came."""


@dataclass(frozen=True)
class Create:
    """The second half of `Submit`, after the look for a run of that name; both have 10 s."""

    name: str
    since: datetime


class World:
    """A cluster with one experiment, and a Kubeflow whose answers can be lost or late."""

    def __init__(self):
        self.now, self.version = NOW, 0
        self.experiment: Experiment | None = NEW
        self.runs: list[ObservedRun] = []
        self.coming: list[tuple[datetime, str]] = []
        self.up, self.events = True, 0

    def pass_time(self, seconds):
        self.now += timedelta(seconds=seconds)
        for due, name in [each for each in self.coming if each[0] <= self.now]:
            self.coming.remove((due, name))
            self.create(name)

    def create(self, name):
        self.runs.append(ObservedRun(f"r{len(self.runs)}", name, "PENDING", self.now))

    def write(self, version, **changes):
        if version != self.version or self.experiment is None:
            raise LostError("conflict")
        self.version += 1
        self.experiment = replace(self.experiment, **changes)
        if self.experiment.deleted and not self.experiment.finalizer:
            self.experiment = None

    def change(self, run, state):
        self.runs[self.runs.index(run)] = replace(run, state=state)


class Operator:
    """Reads, plans, and does one action at a time; may die between any two."""

    def __init__(self, world):
        self.world, self.actions, self.version, self.record = world, [], 0, None

    def reconcile(self):
        world, experiment = self.world, self.world.experiment
        self.version, need = world.version, plans.runs_needed(experiment)
        runs = (
            None
            if not world.up
            else world.runs
            if need == "all"
            else [run for run in world.runs if need == "run" and run.id == experiment.run_id]
        )
        runs = [] if need == "nothing" else runs
        self.actions = plan(experiment, runs and list(runs), world.now, LIMITS)

    def act(self, fault="none", late=0):
        action, world = self.actions.pop(0), self.world
        if fault == "never":
            raise LostError
        match action:
            case actions.AddFinalizer():
                self.write(finalizer=True)
            case actions.RemoveFinalizer():
                self.write(finalizer=False)
            case actions.RecordSubmission(submission):
                self.record = submission
                self.write(submission=submission, run_id="", phase="Pending", completed=None)
            case actions.Submit(name):
                if not world.up or not plans.may_submit(self.record, world.now, LIMITS):
                    raise LostError
                if not any(run.name == name for run in world.runs):
                    self.actions.insert(0, Create(name, world.now))
            case Create(name, since):
                if not world.up or (world.now - since).total_seconds() > 10:
                    raise LostError
                if fault == "late":
                    world.coming.append((world.now + timedelta(seconds=late), name))
                    raise LostError
                world.create(name)
            case actions.Adopt(run):
                self.write(run_id=run.id, phase="Running")
            case actions.Drop():
                self.write(submission=None, run_id="", phase="Stopping", completed=None)
            case actions.Stop(run):
                current = next(each for each in world.runs if each.id == run.id)
                if not world.up:
                    raise LostError
                if current.active:
                    world.change(current, "CANCELING")
            case actions.Report(phase=phase):
                done = world.now if phase in ("Succeeded", "Failed") else None
                self.write(phase=phase, completed=world.experiment.completed or done)
            case actions.RecordEvent():
                world.events += 1
            case actions.Delete():
                self.write(deleted=world.now)
        if fault == "answer":
            raise LostError

    def write(self, **changes):
        self.world.write(self.version, **changes)
        self.version = self.world.version


class Story(RuleBasedStateMachine):
    """Any order of a user's changes, runs' ends, losses, deaths, and of two operators' steps."""

    @initialize()
    def begin(self):
        self.world = World()
        self.operators = [Operator(self.world), Operator(self.world)]

    def alive(self):
        return self.world.experiment is not None

    @precondition(alive)
    @rule(which=st.sampled_from([0, 1]))
    def reconcile(self, which):
        self.operators[which].reconcile()

    @precondition(alive)
    @rule(
        which=st.sampled_from([0, 1]),
        fault=st.sampled_from(["none", "none", "none", "never", "answer", "late"]),
        late=st.integers(1, 19),
    )
    def one_action(self, which, fault, late):
        self.act(which, fault, late)

    def act(self, which, fault, late):
        operator = self.operators[which]
        if operator.actions and self.world.experiment:
            try:
                operator.act(fault, late)
            except LostError:
                operator.actions = []

    @precondition(alive)
    @rule(
        which=st.sampled_from([0, 1]),
        passes=st.integers(1, 4),
        fault=st.sampled_from(["none", "never", "answer", "late"]),
        at=st.integers(0, 2),
    )
    def go_through(self, which, passes, fault, at):
        """A few looks of one operator, the last with a fault at one of its calls."""
        settle(self.world, self.operators[which], passes - 1)
        settle(self.world, self.operators[which], 1, {at: fault})

    @precondition(alive)
    @rule(
        steps=st.lists(
            st.tuples(
                st.sampled_from([0, 1]),
                st.sampled_from(["none", "none", "none", "late"]),
                st.sampled_from([0, 9, 35]),
            ),
            min_size=3,
            max_size=9,
        )
    )
    def race(self, steps):
        """Both have read the same and act by turns, now and then held up."""
        self.operators[0].reconcile()
        self.operators[1].reconcile()
        for which, fault, seconds in steps:
            self.act(which, fault, 19)
            self.world.pass_time(seconds)

    @precondition(alive)
    @rule(which=st.sampled_from([0, 1]))
    def die(self, which):
        self.operators[which] = Operator(self.world)

    @rule(seconds=st.sampled_from([1, 5, 29, 61]))
    def wait(self, seconds):
        self.world.pass_time(seconds)

    @precondition(alive)
    @rule(wish=st.sampled_from(["A", "B", "A", "B", "suspend", "resume", "resume", "delete"]))
    def the_user_changes(self, wish):
        world, experiment = self.world, self.world.experiment
        if wish == "delete":
            world.write(world.version, deleted=world.now)
            return
        changes = {"hash": wish} if wish in "AB" else {"suspended": wish == "suspend"}
        if replace(experiment, **changes) != experiment:
            world.write(world.version, generation=experiment.generation + 1, **changes)

    @rule(up=st.sampled_from([True, True, False]))
    def kubeflow(self, up):
        self.world.up = up

    @rule(state=st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED"]), data=st.data())
    def run_goes_on(self, state, data):
        if active := [run for run in self.world.runs if run.active]:
            self.world.change(data.draw(st.sampled_from(active)), state)

    @invariant()
    def never_two_runs_of_a_generation(self):
        names = [run.name for run in getattr(self, "world", World()).runs]
        assert len(names) == len(set(names))

    def teardown(self):
        """Left in peace, it comes to what is wanted, and rests there."""
        world = getattr(self, "world", None)
        if world is None:
            return
        world.up = True
        settle(world, Operator(world), rounds=80)
        active, experiment = [run for run in world.runs if run.active], world.experiment
        names = [run.name for run in world.runs]
        assert len(names) == len(set(names))
        if experiment is None:
            assert not active
        elif experiment.phase == "Suspended":
            assert experiment.suspended
            assert not active
        elif experiment.ended:
            assert not active
            assert experiment.submission.hash == experiment.hash
        else:
            assert [run.id for run in active] == [experiment.run_id]
            assert experiment.submission.hash == experiment.hash
            assert not experiment.suspended


def settle(world, operator, rounds, faults=None):
    for _ in range(rounds):
        if world.experiment is None:
            return
        operator.reconcile()
        number = 0
        try:
            while operator.actions and world.experiment:
                operator.act((faults or {}).get(number, "none"), late=19)
                number += 1
        except LostError:
            operator.actions = []
        world.pass_time(5)


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)


def test_a_request_that_takes_effect_late_is_waited_for():
    world = World()
    settle(world, Operator(world), 1, {2: "late"})
    settle(world, Operator(world), 10)
    assert [run.name for run in world.runs] == [NEW.run_name]
    assert world.experiment.run_id == "r0"


def test_who_was_held_up_asks_no_more():
    world = World()
    slow, other = Operator(world), Operator(world)
    slow.reconcile()
    slow.act()
    world.pass_time(45)
    with pytest.raises(LostError):
        slow.act()
    world.pass_time(16)
    settle(world, other, 3)
    assert len(world.runs) == 1


def test_a_deletion_waits_for_a_request_on_its_way():
    world = World()
    settle(world, Operator(world), 1, {2: "late"})
    world.write(world.version, deleted=world.now)
    settle(world, Operator(world), 20)
    assert world.experiment is None
    assert [run.state for run in world.runs] == ["CANCELING"]
