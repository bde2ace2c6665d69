"""How a run ended: the states that Kubeflow hands to the exit task, in MLflow's terms."""

from __future__ import annotations

from enum import StrEnum


class FinalStatus(StrEnum):
    """The status that MLflow shows of a chain that is over."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @classmethod
    def of(cls, state: str) -> FinalStatus:
        """Read the state that Kubeflow's driver hands over.

        It is that of the graph in ML Metadata, and not the run's: a graph that succeeded is
        COMPLETE or CACHED, and one that was cancelled is still RUNNING. Other versions and KFP's
        local runner hand over the states of the API.

        Args:
            state: Its name; an unknown one is taken for a failure.
        """
        return _STATES.get(state.upper(), cls.FAILED)


_STATES = {
    "COMPLETE": FinalStatus.FINISHED,
    "CACHED": FinalStatus.FINISHED,
    "SUCCEEDED": FinalStatus.FINISHED,
    "SKIPPED": FinalStatus.FINISHED,
    "NEW": FinalStatus.KILLED,
    "PENDING": FinalStatus.KILLED,
    "RUNNING": FinalStatus.KILLED,
    "CANCELING": FinalStatus.KILLED,
    "CANCELLING": FinalStatus.KILLED,
    "CANCELED": FinalStatus.KILLED,
    "CANCELLED": FinalStatus.KILLED,
    "FAILED": FinalStatus.FAILED,
    "ERROR": FinalStatus.FAILED,
}
