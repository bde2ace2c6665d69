"""Reconciles experiments: reads one, asks the plan, and does what it says."""

from __future__ import annotations

from collections.abc import Callable

from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.operator.api.kinds import EXPERIMENT
from poseline.operator.experiments.context import Context
from poseline.operator.experiments.reconciliation import Reconciliation
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.settings import Settings

_MOST_PASSES = 10


class ExperimentReconciler:
    """Brings experiments to what their specs ask for; several threads may use it.

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
        self._context = Context(cluster, settings, platform, leads, allow)

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring an experiment as far as it goes now.

        Returns:
            Seconds until it is reconciled again; None: when it changes.

        Raises:
            BackendError: The API server or Kubeflow did not do what was asked.
        """
        for _ in range(_MOST_PASSES):
            body = self._context.cluster.get(EXPERIMENT, namespace, name)
            if body is None:
                return None
            again = Reconciliation(self._context, body).run()
            if again is not None:
                return again or None
        return self._context.limits.poll
