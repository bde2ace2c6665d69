"""Runs in Kubeflow as the plan sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from poseline.errors import BackendError
from poseline.kubeflow.auth import find_token
from poseline.kubeflow.client import Kubeflow, Version
from poseline.kubeflow.errors import NotFoundError
from poseline.kubeflow.filters import contains
from poseline.kubeflow.package import pipeline_name, version_name
from poseline.kubeflow.runs import KubeflowRun
from poseline.operator.experiments.state import ObservedRun
from poseline.operator.settings import Settings

T = TypeVar("T")

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class AskOnce(Kubeflow):
    """A client that asks once: what became of a request without an answer, the plan finds out."""

    def once(self, find: Callable[[], T | None], make: Callable[[], T], what: str) -> T:  # noqa: ARG002
        """Return what there is, or make it."""
        return find() or make()


class Runs:
    """The runs of experiments in one profile of Kubeflow; one thread at a time.

    Args:
        settings: Where Kubeflow is.
        namespace: The profile; empty: none.
    """

    def __init__(self, settings: Settings, namespace: str) -> None:
        timeout = settings.kubeflow_timeout
        self._kubeflow = AskOnce(
            settings.kubeflow_host,
            namespace or None,
            auth=find_token(path=settings.kubeflow_token_file),
            ca=settings.kubeflow_ca_file,
            timeout=timeout,
            patience=0,
        )
        self._group = settings.kubeflow_experiment
        self._group_id = ""
        self._versions: dict[str, Version] = {}

    def of(self, prefix: str) -> list[ObservedRun]:
        """Return every run whose name begins so."""
        query = {"filter": contains("display_name", prefix), "experiment_id": self._experiment()}
        found = self._kubeflow.api.pages("/runs", "runs", query)
        return [
            observed_run(KubeflowRun.read(each))
            for each in found
            if each.get("display_name", "").startswith(prefix)
        ]

    def get(self, run_id: str) -> list[ObservedRun]:
        """Return a run with its stage; nothing where there is none."""
        try:
            return [observed_run(self._kubeflow.run(run_id))]
        except NotFoundError:
            return []

    def prepare(self, package: str) -> Version:
        """Return the version that a package is, uploaded where it is missing."""
        version = version_name(package)
        if version not in self._versions:
            name = pipeline_name(package)
            self._versions[version] = self._kubeflow.pipeline_version(name, package)
        return self._versions[version]

    def submit(
        self, name: str, version: Version, parameters: Mapping[str, Any], account: str
    ) -> None:
        """Ask for a run, unless there is one of this name."""
        try:
            self._kubeflow.submit(
                name, version, parameters, self._group, service_account=account or None
            )
        except BackendError:
            self.forget()  # the version may have been deleted: the server only says that it failed
            raise

    def stop(self, run_id: str) -> None:
        """Terminate a run; one that has ended or is gone is not an error."""
        self._kubeflow.terminate(run_id)

    def forget(self) -> None:
        """Look everything up anew: Kubeflow may have been installed again."""
        self._group_id = ""
        self._versions.clear()

    def _experiment(self) -> str:
        if not self._group_id:
            self._group_id = self._kubeflow.experiment(self._group)
        return self._group_id


def observed_run(run: KubeflowRun) -> ObservedRun:
    """Return a run as the plan sees it."""
    return ObservedRun(
        id=run.id,
        name=run.name,
        state=run.state,
        created=run.created or _BEGINNING,
        finished=run.finished,
        error=run.error or _error(run),
        stage=_stage(run),
    )


def _stage(run: KubeflowRun) -> str:
    """Return the task that failed first, or else runs, or else began last."""
    for state in ("FAILED", "RUNNING"):
        if found := [task.label for task in run.tasks if task.state == state]:
            return found[0]
    begun = [task for task in run.tasks if task.started]
    return begun[-1].label if begun else ""


def _error(run: KubeflowRun) -> str:
    failed = [task for task in run.tasks if task.state == "FAILED"]
    if not failed:
        return ""
    return f"{failed[0].name} failed{f': {failed[0].error}' if failed[0].error else ''}"
