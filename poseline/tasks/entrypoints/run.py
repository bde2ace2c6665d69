"""The ends of a run: its settings are checked first, and how it ended is written down last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from poseline.config.models.general import OperationMode
from poseline.errors import PoselineError
from poseline.masking import mask
from poseline.names import TAG_MESSAGE, TAG_STATE
from poseline.store.manifest import write_atomic
from poseline.tasks.artifacts import (
    Artifact,
    left_note,
)
from poseline.tasks.entrypoints.comparison import COMPARED
from poseline.tasks.errors import exit_with_error_code, left_failure, retry_storage
from poseline.tasks.final_status import FinalStatus
from poseline.tasks.parameters import (
    DataSources,
    RunReference,
    written,
)
from poseline.tasks.resolve import STAGES
from poseline.tasks.resolve import resolve as resolved
from poseline.tasks.tracking import chain_tracker
from poseline.tracking.failures import Failure, fitting

_ENDS = {
    FinalStatus.FINISHED: "Every task is done.",
    FinalStatus.FAILED: "A task failed; its log says why.",
    FinalStatus.KILLED: "The run was ended before its tasks were done.",
}


@exit_with_error_code
def resolve(
    chain: str, config: str, form: Mapping[str, Any], variant: Mapping[str, Any]
) -> tuple[str, ...]:
    """Check what a run was started with.

    Args:
        chain: Name of the chain.
        config: The whole config as YAML.
        form: Fields that win over the config.
        variant: Fields of one pass of a sweep; they win over all else.

    Returns:
        The slice of each of `STAGES`, empty where the chain has no such stage; what
        `dataset-convert` gets; and what each task must know of its run.
    """
    found = retry_storage(resolved)(config, cast(OperationMode, chain), {**form, **variant})
    run = RunReference(
        mlflow=mask(found.config.mlflow.uri),  # credentials come from the platform's secret
        project=found.config.general.project_name,
        output=found.config.general.output or "",
        variant=", ".join(f"{k} {_short(v)}" for k, v in sorted(variant.items())),
    )
    data = DataSources(**found.data)
    slices = (written(found.slices.get(stage, {})) for stage in STAGES)
    return (*slices, data.text(), run.text())


@exit_with_error_code
def finish(
    chain: str, config: str, form: Mapping[str, Any], state: str, message: str, summary: Artifact
) -> None:
    """Write how a run ended to MLflow, whatever became of it."""
    from poseline.config.loading.run_form import read, salvaged

    status, failure = FinalStatus.of(state), None
    if status == FinalStatus.KILLED and left_note(summary, COMPARED) is not None:
        # Kubeflow lost sight of a workflow above Argo's limit, and takes it for one that runs.
        status = FinalStatus.FINISHED
    try:
        found = read(config, cast(OperationMode, chain), form)
        params = found.model_dump(mode="json", exclude={"hydra"})
    except PoselineError as error:
        message, params = f"{message}\n{error}".strip(), {}
        failure = Failure.of("resolve", error)
        found = salvaged(config)
    run = RunReference(mlflow=found.mlflow.uri, project=found.general.project_name)
    with chain_tracker(run, summary) as tracker:
        if status != FinalStatus.FINISHED:
            recorded = tracker.failure() or left_failure(summary)
            status = FinalStatus.FAILED if recorded else status
            failure = failure or recorded
            message = message or str(failure or "")
            tracker.parent.tags(failure.tags if failure else {})
        tracker.parent.params(params)
        message = fitting(message)
        tracker.parent.tags({TAG_STATE: state, TAG_MESSAGE: message[:500]})
        tracker.end(status)
    text = f"# {chain}: {status.lower()}\n\n{message or _ENDS[status]}\n"
    write_atomic(Path(summary.path), text)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)
