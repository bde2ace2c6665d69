"""Looks at one experiment: reads it, asks the plan, and does what it says."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from poseline.errors import BackendError, ConfigError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.errors import RefusedError
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.operator.api.events import EVENTS
from poseline.operator.api.kinds import EXPERIMENT, FINALIZER
from poseline.operator.experiments import plan, status
from poseline.operator.experiments.parsing import Order, order, read
from poseline.operator.experiments.runs import Runs
from poseline.operator.experiments.state import Experiment, FaultReason, Limits, Run
from poseline.operator.experiments.status import Status
from poseline.operator.permission import NotAllowedError, Permission
from poseline.operator.runtime import metrics
from poseline.operator.runtime.cluster import Body, Cluster
from poseline.operator.settings import Settings
from poseline.origin import same_server
from poseline.tracking import results

_MOST_PASSES = 10
_log = get_logger(__name__)


class Experiments:
    """Carries out the plan of experiments; several threads may use it.

    Args:
        cluster: The API server.
        settings: Where Kubeflow, MLflow and the pipelines are, and times.
        platform: The operator's own settings of the platform.
        leads: Tells whether this replica may still act.
        allow: What an experiment may name, besides what the platform does.
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        platform: Platform,
        leads: Callable[[], bool],
        allow: AllowList = AllowList(),  # noqa: B008  frozen
    ) -> None:
        self._allow, self._permission = allow, Permission(platform, allow)
        self._cluster, self._settings, self._platform = cluster, settings, platform
        self._leads = leads
        self._limits = Limits(
            settings.poll_seconds, settings.settle_seconds, settings.deletion_seconds
        )
        self._clients = threading.local()

    def look(self, namespace: str, name: str) -> float | None:
        """Bring an experiment as far as it goes now.

        Returns:
            Seconds until the next look; None: when it changes.

        Raises:
            BackendError: The API server or Kubeflow did not do what was asked.
        """
        for _ in range(_MOST_PASSES):
            body = self._cluster.get(EXPERIMENT, namespace, name)
            if body is None:
                return None
            again = _Pass(self, body).go()
            if again is not None:
                return again or None
        return self._limits.poll

    def runs(self, namespace: str) -> Runs:
        """Return this thread's client for a namespace's runs."""
        profile = self._settings.kubeflow_namespace
        key = namespace if profile == "*" else profile
        known: dict[str, Runs] = self._clients.__dict__.setdefault("known", {})
        if key not in known:
            known[key] = Runs(self._settings, key)
        return known[key]

    def order(self, body: Mapping[str, Any]) -> Order:
        """Return what Kubeflow gets for an experiment; see `reading.order`."""
        return order(body["spec"], self._platform, self._settings.pipelines, self._allow)

    def url(self, run_id: str) -> str:
        """Return the page of a run, empty where no pages are known."""
        ui = self._settings.kubeflow_ui
        return f"{ui.rstrip('/')}/#/runs/details/{run_id}" if ui else ""

    def figures(self, body: Body, run_id: str) -> results.Result | None:
        """Return what MLflow has of a run; None where it has nothing.

        Only servers that are allowed are asked, and only the operator's own gets its credentials.

        Raises:
            BackendError: It does not answer, or refuses.
        """
        spec = body["spec"]
        own = (spec.get("platform") or {}).get("mlflow", {}).get("trackingUri")
        known = self._settings.mlflow_url or os.environ.get("MLFLOW_TRACKING_URI", "")
        uri = own or known or spec["config"].get("mlflow", {}).get("uri", "")
        if not uri or not (same_server(uri, known) or self._permission.server(uri)):
            return None
        timeout = self._settings.kubeflow_timeout
        return results.result(run_id, uri, trusted=known, timeout=timeout)


class _Pass:
    """One reading of an experiment, and what follows from it."""

    def __init__(self, room: Experiments, body: Body) -> None:
        self._room, self._body = room, body
        self._runs = room.runs(body["metadata"]["namespace"])
        self._log = _log.bind(
            namespace=body["metadata"]["namespace"], experiment=body["metadata"]["name"]
        )

    def go(self) -> float | None:
        """Do what the plan says; None: look again at once, 0: rest until something changes."""
        room, body = self._room, self._body
        experiment = read(body, *self._fault())
        runs, lost = self._observe(experiment)
        actions = plan.plan(experiment, runs, status.now(), room._limits)
        try:
            for action in actions:
                if not room._leads():
                    raise BackendError("this replica no longer leads")
                self._do(experiment, action)
        except ConfigError as error:  # what is allowed has changed since the run was asked for
            text, reason = _explained(error)
            self._report(experiment, plan.Report("Failed", reason, text))
            return None
        if experiment.ended and all(isinstance(a, plan.Report | plan.Again) for a in actions):
            self._write({**self._status, "observedGeneration": self._generation})
        if lost:
            raise lost
        last = actions[-1] if actions else plan.Again(0)
        if isinstance(last, plan.Report) and self._body is body:
            return 0.0  # the status says so already
        return last.seconds if isinstance(last, plan.Again) else None

    def _fault(self) -> tuple[str, FaultReason]:
        """Return why the spec cannot be run, where that matters, and of what kind that is."""
        if not self._body.get("status", {}).get("submission"):
            try:
                self._order = self._room.order(self._body)
            except ConfigError as error:
                return _explained(error)
        return "", "Invalid"

    def _observe(self, experiment: Experiment) -> tuple[list[Run] | None, BackendError | None]:
        need = plan.needed(experiment)
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
                status.reachable(self._status, error.message, self._generation, status.now())
            )
            return None, error
        known = {each["type"]: each["status"] for each in self._status.get("conditions", [])}
        if known.get("Reachable") == "False":
            self._write(status.reachable(self._status, "", self._generation, status.now()))
        return runs, None

    def _do(self, experiment: Experiment, action: plan.Action) -> None:
        old, now, generation = self._status, status.now(), self._generation
        match action:
            case plan.AddFinalizer():
                self._finalize([*self._finalizers, FINALIZER])
            case plan.RemoveFinalizer():
                self._finalize([each for each in self._finalizers if each != FINALIZER])
            case plan.Record(submission):
                try:
                    self._version = self._runs.prepare(self._ordered().package)
                except BackendError as error:
                    self._not_submitted(error)
                    raise
                self._write(status.recorded(old, submission, generation, now))
                self._submission = submission
            case plan.Submit(name):
                self._submit(name)
            case plan.Adopt(run):
                self._write(status.adopted(old, run, self._room.url(run.id), generation, now))
            case plan.Drop():
                self._write(status.dropped(old, generation, now))
            case plan.Stop():
                self._stop(action)
            case plan.Report():
                self._report(experiment, action)
            case plan.Tell(reason, message):
                if reason == "SecondRun":
                    metrics.SECOND_RUNS.inc()
                self._tell(reason, message)
            case plan.Delete():
                self._log.info("deleted: its time after the end is over")
                self._room._cluster.delete(EXPERIMENT, self._body)
            case plan.Again():
                pass

    def _stop(self, stop: plan.Stop) -> None:
        self._log.info("run is stopped", run=stop.run.id)
        try:
            self._runs.stop(stop.run.id)
        except BackendError as error:
            if not stop.last:
                raise
            self._tell("RunNotStopped", f"run {stop.run.id}: {error.message}")
        else:
            metrics.STOPPED.inc()

    def _submit(self, name: str) -> None:
        if not plan.fresh(self._submission, status.now(), self._room._limits):
            raise BackendError("held up between writing down a run and asking for it")
        found = self._ordered()
        metrics.SUBMITTED.inc()
        try:
            self._runs.submit(name, self._version, found.parameters, found.service_account)
        except RefusedError as error:
            report = plan.Report("Failed", "Refused", error.message)
            self._report(read(self._body), report)
        except BackendError as error:
            self._not_submitted(error)
            raise

    def _not_submitted(self, error: BackendError) -> None:
        self._write(
            status.condition(
                self._status,
                "Submitted",
                "False",
                status.NO_ANSWER,
                error.message,
                self._generation,
                status.now(),
            )
        )

    def _report(self, experiment: Experiment, report: plan.Report) -> None:
        made = status.reported(
            self._status,
            report.phase,
            report.reason,
            report.message,
            report.run,
            self._generation,
            status.now(),
        )
        if report.figures and experiment.run_id:
            made = self._measured(made, experiment.run_id)
        if made.get("phase") != experiment.phase and made["phase"] in ("Succeeded", "Failed"):
            metrics.ENDED.labels(made["phase"]).inc()
        self._write(made)

    def _measured(self, made: Status, run_id: str) -> Status:
        try:
            found = self._room.figures(self._body, run_id)
        except BackendError as error:
            self._log.warning("no figures", why=error.message)
            return status.unmeasured(made, error.message, self._generation, status.now())
        return status.measured(made, found, self._generation, status.now()) if found else made

    def _ordered(self) -> Order:
        if not hasattr(self, "_order"):
            self._order = self._room.order(self._body)
        return self._order

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
        self._body = self._room._cluster.replace(EXPERIMENT, made)

    def _write(self, made: Status) -> None:
        old = self._status
        if made == old:
            return
        written = self._room._cluster.replace(
            EXPERIMENT, {**self._body, "status": made}, status=True
        )
        self._body = written
        for reason, message in status.story(old, made):
            self._tell(reason, message)

    def _tell(self, reason: str, message: str) -> None:
        self._log.info("event", reason=reason, message=message)
        try:
            self._room._cluster.tell(self._body, EVENTS[reason].type, reason, message)
        except BackendError as error:
            self._log.warning("an Event was lost", reason=reason, why=error.message)


def _explained(error: ConfigError) -> tuple[str, FaultReason]:
    text = "; ".join(f"{p.path}: {p.accepted} (found {p.found})" for p in error.problems)
    return text, "NotAllowed" if isinstance(error, NotAllowedError) else "Invalid"
