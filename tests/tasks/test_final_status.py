"""What the exit task makes of the state that Kubeflow hands it."""

import pytest

from poseline.tasks.final_status import FinalStatus


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("COMPLETE", "FINISHED"),  # what the driver of KFP 2.17 hands over
        ("CACHED", "FINISHED"),
        ("SUCCEEDED", "FINISHED"),
        ("SKIPPED", "FINISHED"),
        ("FAILED", "FAILED"),
        ("RUNNING", "KILLED"),  # a run that was cancelled
        ("CANCELED", "KILLED"),
        ("CANCELLED", "KILLED"),
        ("complete", "FINISHED"),
        ("SOMETHING_NEW", "FAILED"),
        ("", "FAILED"),
    ],
)
def test_a_state_in_the_terms_of_mlflow(state, status):
    assert FinalStatus.of(state) == status
