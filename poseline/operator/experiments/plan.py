"""What is to be done for an experiment, from what is known of it: pure, and safe to repeat.

A run is asked for in three steps: its name is written into the status (with the version of the
object that was read, so that of two operators one fails), Kubeflow is asked, the run's id is
written. Whoever finds a name without an id looks for a run of that name; where there is none, the
request may still be on its way, and nothing is asked again before `Limits.settle` has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from poseline.operator.experiments.actions import (
    Action,
    AddFinalizer,
    Adopt,
    Delete,
    Drop,
    RecordEvent,
    RecordSubmission,
    RemoveFinalizer,
    Report,
    Requeue,
    Stop,
    Submit,
)
from poseline.operator.experiments.state import Experiment, Limits, ObservedRun, Submission

_SOON = 1.0  # seconds: what was stopped is seen as such on the next reconciliation


def runs_needed(experiment: Experiment) -> Literal["nothing", "run", "all"]:
    """Return which runs the plan depends on: none, the experiment's run, or all of its runs."""
    submission, stopping = experiment.submission, experiment.phase == "Stopping"
    if experiment.deleted:
        over = submission is None or (experiment.ended and submission.attempts == 1)
        return "nothing" if over and not stopping else "all"
    if stopping or experiment.pending:
        return "all"
    if submission is None:
        return "nothing" if experiment.suspended or experiment.fault else "all"
    if not _is_current(experiment):
        return "nothing"
    if experiment.ended:
        return "all" if experiment.finalizer and submission.attempts > 1 else "nothing"
    return "run" if submission.attempts == 1 else "all"


def may_submit(submission: Submission, now: datetime, limits: Limits) -> bool:
    """Return whether the run may still be asked for, by whoever wrote it down.

    Others take it that nothing is asked any more once `settle` has passed. Half of that is left
    to the call itself.
    """
    return _time_left(submission, now, limits) > limits.settle / 2


def plan(
    experiment: Experiment, runs: Sequence[ObservedRun] | None, now: datetime, limits: Limits
) -> list[Action]:
    """Return what to do next, in this order; after the last action, reconcile again.

    Args:
        experiment: What is in Kubernetes.
        runs: What is in Kubeflow, as `needed` says; None: it did not answer.
        now: The time.
        limits: Times.
    """
    if experiment.deleted:
        return _delete(experiment, experiment.deleted, runs, now, limits)
    if not experiment.finalizer and _needs_finalizer(experiment):
        return [AddFinalizer()]
    if runs is None:
        return []
    if experiment.pending:
        return _find_submitted(experiment, experiment.pending, runs, now, limits)
    if experiment.submission is None:
        return _start(experiment, runs, now, limits)
    if not _is_current(experiment):
        return [Drop()]
    if experiment.ended:
        return _release(experiment, experiment.submission, runs, now, limits)
    return _watch(experiment, experiment.submission, runs, limits)


def _needs_finalizer(experiment: Experiment) -> bool:
    """Return whether there may be a run that must be stopped before the experiment goes."""
    asked = experiment.submission is not None and not experiment.ended
    return asked or experiment.phase == "Stopping"


def _is_current(experiment: Experiment) -> bool:
    """Return whether what was asked for is still what is wanted.

    A fault does not count: what was asked for had none, and a later version of the operator that
    finds one leaves the run alone.
    """
    submission = experiment.submission
    same = submission is not None and submission.hash == experiment.hash
    return same and (experiment.ended or not experiment.suspended)


def _delete(
    experiment: Experiment,
    asked: datetime,
    runs: Sequence[ObservedRun] | None,
    now: datetime,
    limits: Limits,
) -> list[Action]:
    if not experiment.finalizer:
        return []
    active = [run for run in runs or () if run.active]
    pending = experiment.pending
    observed_run = {run.name for run in runs or ()}
    coming = pending and pending.name not in observed_run and _time_left(pending, now, limits) > 0
    if runs is not None and not active and not coming:
        return [RemoveFinalizer()]
    if now - asked >= timedelta(seconds=limits.deletion):
        if active:
            return [*(Stop(run, last=True) for run in active), RemoveFinalizer()]
        text = f"Kubeflow does not answer; a run may still go on: {experiment.prefix}…"
        return [RecordEvent("RunNotStopped", text), RemoveFinalizer()]
    report = Report("Stopping", "Deleted", "the run is being stopped")
    return [report, *(Stop(run) for run in active), Requeue(_SOON if active else limits.poll)]


def _find_submitted(
    experiment: Experiment,
    pending: Submission,
    runs: Sequence[ObservedRun],
    now: datetime,
    limits: Limits,
) -> list[Action]:
    """Find out what became of a request whose answer was not seen."""
    found = sorted((run for run in runs if run.name == pending.name), key=_by_age)
    if found:
        return [Adopt(found[0])]
    if (left := _time_left(pending, now, limits)) > 0:
        return [Requeue(left)]
    if not _is_current(experiment):
        return [Drop()]
    again = Submission(pending.name, pending.generation, pending.hash, now, pending.attempts + 1)
    return [RecordSubmission(again), Submit(again.name)]


def _start(
    experiment: Experiment, runs: Sequence[ObservedRun], now: datetime, limits: Limits
) -> list[Action]:
    active = [run for run in runs if run.active and run.name != experiment.run_name]
    idle = experiment.suspended or experiment.fault
    if idle:
        active = [run for run in runs if run.active]
    if active:
        guard = [] if experiment.finalizer else [AddFinalizer()]
        return [*guard, *(Stop(run) for run in active), Requeue(_SOON)]
    if idle and experiment.finalizer and experiment.phase in ("Failed", "Suspended"):
        return [RemoveFinalizer()]
    if experiment.fault:
        report = Report("Failed", experiment.fault_reason, experiment.fault)
        return [report, *(_finish(experiment, now, limits) if experiment.ended else [])]
    if experiment.suspended:
        return [Report("Suspended", "Suspended", "suspend is set")]
    if not experiment.finalizer:
        return [AddFinalizer()]
    asked = Submission(experiment.run_name, experiment.generation, experiment.hash, now)
    return [RecordSubmission(asked), Submit(asked.name)]


def _watch(
    experiment: Experiment, submission: Submission, runs: Sequence[ObservedRun], limits: Limits
) -> list[Action]:
    run = next((run for run in runs if run.id == experiment.run_id), None)
    if run is None:
        text = f"run {experiment.run_id} is no longer in Kubeflow; a change of the spec makes one"
        return [Report("Failed", "RunLost", text)]
    actions = _stop_others(experiment, submission, runs)
    if run.phase in ("Succeeded", "Failed"):
        reason = "RunSucceeded" if run.phase == "Succeeded" else "RunFailed"
        message = run.error or f"run {run.id} ended {run.state}"
        return [*actions, Report(run.phase, reason, message, run, figures=True)]
    reason = "Queued" if run.phase == "Pending" else "Running"
    return [*actions, Report(run.phase, reason, run.stage, run, figures=True), Requeue(limits.poll)]


def _stop_others(
    experiment: Experiment, submission: Submission, runs: Sequence[ObservedRun]
) -> list[Action]:
    actions: list[Action] = []
    for other in runs:
        if other.id != experiment.run_id and other.active:
            text = f"a late answer made a second run of {submission.name}: {other.id} is stopped"
            actions += [RecordEvent("SecondRun", text), Stop(other)]
    return actions


def _release(
    experiment: Experiment,
    submission: Submission,
    runs: Sequence[ObservedRun],
    now: datetime,
    limits: Limits,
) -> list[Action]:
    """Let an experiment whose run is over go without us, once no second run can appear."""
    if not experiment.finalizer:
        return _finish(experiment, now, limits)
    if submission.attempts > 1:
        if stopped := _stop_others(experiment, submission, runs):
            return [*stopped, Requeue(_SOON)]
        if (left := _time_left(submission, now, limits)) > 0:
            rest = _finish(experiment, now, limits)
            again = [action.seconds for action in rest if isinstance(action, Requeue)]
            kept = [action for action in rest if not isinstance(action, Requeue)]
            return [*kept, Requeue(min([left, *again]))]
    return [RemoveFinalizer()]


def _finish(experiment: Experiment, now: datetime, limits: Limits) -> list[Action]:
    since = (now - experiment.completed).total_seconds() if experiment.completed else 0.0
    if experiment.ttl is not None and since >= experiment.ttl:
        return [Delete()]
    actions: list[Action] = []
    waits = [] if experiment.ttl is None else [experiment.ttl - since]
    if experiment.phase == "Succeeded" and not experiment.measured and since < limits.figures:
        actions.append(Report("Succeeded", "RunSucceeded", figures=True))
        waits.append(limits.poll)
    return [*actions, Requeue(min(waits))] if waits else actions


def _time_left(pending: Submission, now: datetime, limits: Limits) -> float:
    return limits.settle - (now - pending.time).total_seconds()


def _by_age(run: ObservedRun) -> tuple[datetime, str]:
    return run.created, run.id
