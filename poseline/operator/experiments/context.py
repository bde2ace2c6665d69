"""What experiments are reconciled with: the cluster, Kubeflow, MLflow, and what is permitted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from poseline.api_server import Body
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.submission import RunRequest
from poseline.operator.experiments.parsing import run_request
from poseline.operator.experiments.runs import Runs
from poseline.operator.experiments.state import Limits
from poseline.operator.permission import Permission
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.settings import Settings
from poseline.origin import same_server
from poseline.tracking import results


class Context:
    """The servers and settings that all experiments share; several threads may use it.

    Attributes:
        cluster: The API server.
        leads: Tells whether this replica may still act.
        limits: Times of the plan.

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
        self.cluster, self._settings, self._platform = cluster, settings, platform
        self.leads = leads
        self.limits = Limits(
            settings.poll_seconds, settings.settle_seconds, settings.deletion_seconds
        )
        self._clients = threading.local()

    def runs(self, namespace: str) -> Runs:
        """Return this thread's client for a namespace's runs."""
        profile = self._settings.kubeflow_namespace
        key = namespace if profile == "*" else profile
        known: dict[str, Runs] = self._clients.__dict__.setdefault("known", {})
        if key not in known:
            known[key] = Runs(self._settings, key)
        return known[key]

    def run_request(self, body: Mapping[str, Any]) -> RunRequest:
        """Return what Kubeflow gets for an experiment; see `parsing.run_request`."""
        settings = self._settings
        return run_request(
            body["spec"],
            self._platform,
            settings.pipelines,
            self._allow,
            settings.kubeflow_experiment,
        )

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
