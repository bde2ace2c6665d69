"""Reconciles experiments: reads one, asks the plan, and does what it says."""

from __future__ import annotations

from poseline.operator.api.kinds import EXPERIMENT
from poseline.operator.experiments.context import Context
from poseline.operator.experiments.reconciliation import Reconciliation

_MOST_PASSES = 10


class ExperimentReconciler:
    """Brings experiments to what their specs ask for; several threads may use it.

    Args:
        context: What all experiments share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

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
