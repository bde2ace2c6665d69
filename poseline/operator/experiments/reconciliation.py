"""One reading of an experiment, and what follows from it."""

from __future__ import annotations

import copy

from poseline.api_server import Body
from poseline.errors import BackendError, ConfigError
from poseline.kubeflow.errors import RefusedError
from poseline.kubeflow.submission import RunRequest
from poseline.log import get_logger
from poseline.operator import timestamps
from poseline.operator.api.events import EVENTS
from poseline.operator.api.kinds import EXPERIMENT, FINALIZER
from poseline.operator.experiments import actions, plan, status
from poseline.operator.experiments.context import Context
from poseline.operator.experiments.parsing import parse_experiment
from poseline.operator.experiments.state import Experiment, FaultReason, ObservedRun
from poseline.operator.experiments.status import Status
from poseline.operator.permission import NotAllowedError
from poseline.operator.runtime import metrics

_log = get_logger(__name__)


class Reconciliation:
    """One reading of an experiment, and what follows from it."""

    def __init__(self, context: Context, body: Body) -> None:
        self._context, self._body = context, body
        self._runs = context.runs(body["metadata"]["namespace"])
        self._log = _log.bind(
            namespace=body["metadata"]["namespace"], experiment=body["metadata"]["name"]
        )

    def run(self) -> float | None:
        """Do what the plan says; None: reconcile again at once, 0: when something changes."""
        context, body = self._context, self._body
        experiment = parse_experiment(body, *self._fault())
        runs, lost = self._observe(experiment)
        steps = plan.plan(experiment, runs, timestamps.now(), context.limits)
        try:
            for action in steps:
                if not context.leads():
                    raise BackendError("this replica no longer leads")
                self._do(experiment, action)
        except ConfigError as error:  # what is allowed has changed since the run was asked for
            text, reason = _explained(error)
            self._report(experiment, actions.Report("Failed", reason, text))
            return None
        if experiment.ended and all(isinstance(a, actions.Report | actions.Requeue) for a in steps):
            self._write({**self._status, "observedGeneration": self._generation})
        if lost:
            raise lost
        last = steps[-1] if steps else actions.Requeue(0)
        if isinstance(last, actions.Report) and self._body is body:
            return 0.0  # the status says so already
        return last.seconds if isinstance(last, actions.Requeue) else None

    def _fault(self) -> tuple[str, FaultReason]:
        """Return why the spec cannot be run, where that matters, and of what kind that is."""
        if not self._body.get("status", {}).get("submission"):
            try:
                self._request = self._context.run_request(self._body)
            except ConfigError as error:
                return _explained(error)
        return "", "Invalid"

    def _observe(
        self, experiment: Experiment
    ) -> tuple[list[ObservedRun] | None, BackendError | None]:
        need = plan.runs_needed(experiment)
        if need == "nothing":
            return [], None
        try:
            if need == "all":
                runs = self._runs.of(experiment.prefix)
            else:
                runs = self._runs.get(experiment.run_id)
        except BackendError as error:
            self._runs.forget()
            self._write(
                status.with_reachability(
                    self._status, error.message, self._generation, timestamps.now()
                )
            )
            return None, error
        known = {each["type"]: each["status"] for each in self._status.get("conditions", [])}
        if known.get("Reachable") == "False":
            self._write(
                status.with_reachability(self._status, "", self._generation, timestamps.now())
            )
        return runs, None

    def _do(self, experiment: Experiment, action: actions.Action) -> None:
        old, now, generation = self._status, timestamps.now(), self._generation
        match action:
            case actions.AddFinalizer():
                self._finalize([*self._finalizers, FINALIZER])
            case actions.RemoveFinalizer():
                self._finalize([each for each in self._finalizers if each != FINALIZER])
            case actions.RecordSubmission(submission):
                try:
                    self._version = self._runs.prepare(self._run_request().package)
                except BackendError as error:
                    self._not_submitted(error)
                    raise
                self._write(status.with_submission(old, submission, generation, now))
                self._submission = submission
            case actions.Submit(name):
                self._submit(name)
            case actions.Adopt(run):
                self._write(status.with_run(old, run, self._context.url(run.id), generation, now))
            case actions.Drop():
                self._write(status.without_run(old, generation, now))
            case actions.Stop():
                self._stop(action)
            case actions.Report():
                self._report(experiment, action)
            case actions.RecordEvent(reason, message):
                if reason == "SecondRun":
                    metrics.SECOND_RUNS.inc()
                self._record_event(reason, message)
            case actions.Delete():
                self._log.info("deleted: its time after the end is over")
                self._context.cluster.delete(EXPERIMENT, self._body)
            case actions.Requeue():
                pass

    def _stop(self, stop: actions.Stop) -> None:
        self._log.info("run is stopped", run=stop.run.id)
        try:
            self._runs.stop(stop.run.id)
        except BackendError as error:
            if not stop.last:
                raise
            self._record_event("RunNotStopped", f"run {stop.run.id}: {error.message}")
        else:
            metrics.STOPPED.inc()

    def _submit(self, name: str) -> None:
        if not plan.may_submit(self._submission, timestamps.now(), self._context.limits):
            raise BackendError("held up between writing down a run and asking for it")
        found = self._run_request()
        metrics.SUBMITTED.inc()
        try:
            self._runs.submit(name, self._version, found.parameters, found.service_account)
        except RefusedError as error:
            report = actions.Report("Failed", "Refused", error.message)
            self._report(parse_experiment(self._body), report)
        except BackendError as error:
            self._not_submitted(error)
            raise

    def _not_submitted(self, error: BackendError) -> None:
        self._write(
            status.with_condition(
                self._status,
                "Submitted",
                "False",
                status.NO_ANSWER,
                error.message,
                self._generation,
                timestamps.now(),
            )
        )

    def _report(self, experiment: Experiment, report: actions.Report) -> None:
        made = status.with_phase(
            self._status,
            report.phase,
            report.reason,
            report.message,
            report.run,
            self._generation,
            timestamps.now(),
        )
        if report.figures and experiment.run_id:
            made = self._measured(made, experiment.run_id)
        if made.get("phase") != experiment.phase and made["phase"] in ("Succeeded", "Failed"):
            metrics.ENDED.labels(made["phase"]).inc()
        self._write(made)

    def _measured(self, made: Status, run_id: str) -> Status:
        try:
            found = self._context.figures(self._body, run_id)
        except BackendError as error:
            self._log.warning("no figures", why=error.message)
            return status.with_missing_figures(
                made, error.message, self._generation, timestamps.now()
            )
        return (
            status.with_figures(made, found, self._generation, timestamps.now()) if found else made
        )

    def _run_request(self) -> RunRequest:
        if not hasattr(self, "_order"):
            self._request = self._context.run_request(self._body)
        return self._request

    @property
    def _status(self) -> Status:
        found: Status = self._body.get("status", {})
        return found

    @property
    def _generation(self) -> int:
        return int(self._body["metadata"]["generation"])

    @property
    def _finalizers(self) -> list[str]:
        return list(self._body["metadata"].get("finalizers", []))

    def _finalize(self, finalizers: list[str]) -> None:
        made = copy.deepcopy(self._body)
        made["metadata"]["finalizers"] = finalizers
        self._body = self._context.cluster.replace(EXPERIMENT, made)

    def _write(self, made: Status) -> None:
        old = self._status
        if made == old:
            return
        format_time = self._context.cluster.replace(
            EXPERIMENT, {**self._body, "status": made}, status=True
        )
        self._body = format_time
        for reason, message in status.events_of_change(old, made):
            self._record_event(reason, message)

    def _record_event(self, reason: str, message: str) -> None:
        self._log.info("event", reason=reason, message=message)
        try:
            self._context.cluster.record_event(self._body, EVENTS[reason].type, reason, message)
        except BackendError as error:
            self._log.warning("an Event was lost", reason=reason, why=error.message)


def _explained(error: ConfigError) -> tuple[str, FaultReason]:
    text = "; ".join(f"{p.path}: {p.accepted} (found {p.found})" for p in error.problems)
    return text, "NotAllowed" if isinstance(error, NotAllowedError) else "Invalid"
