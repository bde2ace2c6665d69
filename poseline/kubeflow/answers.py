"""What Kubeflow's API answers, as far as poseline reads it: the types are checked here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _text(value: Any) -> Any:
    return "" if value is None else value


def _list(value: Any) -> Any:
    return [] if value is None else value


def _mapping(value: Any) -> Any:
    return {} if value is None else value


def _time(text: str) -> str:
    """Check that a time can be read, and that it is one of this planet's clocks."""
    if text:
        try:
            datetime.fromisoformat(text).astimezone(UTC)
        except OverflowError:
            raise ValueError("beyond the years 1 to 9999") from None
    return text


Text = Annotated[str, BeforeValidator(_text), Field(max_length=1_000_000)]
Id = Annotated[str, Field(min_length=1, max_length=1000)]
Time = Annotated[Text, AfterValidator(_time)]
Many = BeforeValidator(_list)
Part = BeforeValidator(_mapping)


class Body(BaseModel):
    """An object of the API; what is not named here is passed on as it came."""

    model_config = ConfigDict(extra="allow", strict=True)


class Error(Body):
    """Why something failed."""

    message: Text = ""


class Child(Body):
    """A node below another."""

    pod_name: Text = ""


class TaskDetail(Body):
    """A node of a workflow."""

    display_name: Text = ""
    state: Text = ""
    start_time: Time = ""
    end_time: Time = ""
    create_time: Time = ""
    pod_name: Text = ""
    task_id: Text = ""
    error: Annotated[Error, Part] = Error()
    child_tasks: Annotated[list[Child], Many] = []


class RunDetails(Body):
    """The tasks of a run."""

    task_details: Annotated[list[TaskDetail], Many] = []


class Reference(Body):
    """A version of a pipeline."""

    pipeline_id: Text = ""
    pipeline_version_id: Text = ""


class RuntimeConfig(Body):
    """What something is run with."""

    parameters: Annotated[dict[str, Any], Part] = {}


class Change(Body):
    """A change of a run's state."""

    state: Text = ""


class Run(Body):
    """A run."""

    run_id: Id
    display_name: Text = ""
    state: Text = ""
    experiment_id: Text = ""
    recurring_run_id: Text = ""
    created_at: Time = ""
    finished_at: Time = ""
    error: Annotated[Error, Part] = Error()
    state_history: Annotated[list[Change], Many] = []
    run_details: Annotated[RunDetails, Part] = RunDetails()
    pipeline_version_reference: Annotated[Reference, Part] = Reference()
    runtime_config: Annotated[RuntimeConfig, Part] = RuntimeConfig()


class Experiment(Body):
    """An experiment."""

    experiment_id: Id
    display_name: Text = ""
    storage_state: Text = ""


class Pipeline(Body):
    """A pipeline."""

    pipeline_id: Id
    display_name: Text = ""


class Version(Body):
    """A version of a pipeline."""

    pipeline_version_id: Id
    display_name: Text = ""
    pipeline_spec: Annotated[dict[str, Any], Part] = {}


class Cron(Body):
    """A schedule's cron line."""

    cron: Text = ""


class Trigger(Body):
    """What starts a recurring run."""

    cron_schedule: Annotated[Cron, Part] = Cron()


class RecurringRun(Body):
    """A recurring run."""

    recurring_run_id: Id
    display_name: Text = ""
    experiment_id: Text = ""
    status: Text = ""
    service_account: Text = ""
    pipeline_version_reference: Annotated[Reference, Part] = Reference()
    runtime_config: Annotated[RuntimeConfig, Part] = RuntimeConfig()
    trigger: Annotated[Trigger, Part] = Trigger()


class Page(Body):
    """A page of a list; its items are checked one by one."""

    next_page_token: Text = ""


KINDS: dict[str, type[Body]] = {
    "runs": Run,
    "experiments": Experiment,
    "pipelines": Pipeline,
    "pipeline_versions": Version,
    "recurringRuns": RecurringRun,
}
"""Name of a list to what its items are."""
