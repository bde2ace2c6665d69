"""What a command line asks of Kubeflow: where it is, what is run, and the answer in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from poseline.cli.run_view import Output, as_json, exit_code, follow, say, say_json
from poseline.config.models.general import OperationMode
from poseline.cron import next_times, zone
from poseline.kubeflow import submission
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.cron import six_fields
from poseline.kubeflow.package import pipeline_name
from poseline.terminal import Console


@Parameter(name="*")
@dataclass(frozen=True)
class Server:
    """Where Kubeflow is, and who calls.

    Attributes:
        host: URL of the API, such as http://localhost:8888; without it KF_PIPELINES_ENDPOINT, or
            within a cluster the service ml-pipeline.
        namespace: The profile, where Kubeflow has several users.
        token_file: File with a bearer token, read again when it changes; without it
            KF_PIPELINES_TOKEN, KF_PIPELINES_SA_TOKEN_PATH, or the projected token of a pod.
        ca: File with the certificates that the server's is checked with.
        timeout: The longest wait for an answer, s.
    """

    host: str | None = None
    namespace: str | None = None
    token_file: Path | None = None
    ca: Path | None = None
    timeout: float = 30

    def connect(self) -> Kubeflow:
        """Return a client."""
        return submission.connect(
            self.host, self.namespace, token_file=self.token_file, ca=self.ca, timeout=self.timeout
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Settings:
    """What is run.

    Attributes:
        config: The YAML file; without it the pipeline's default.
        set: `key=value`: a parameter of the pipeline (`epochs=5`), or a key of the config by its
            dotted path (`training.epochs=5`); may be given often.
        platform: YAML file with images, resources, secrets and so on of the cluster.
        experiment: Name of the experiment in Kubeflow.
    """

    config: Path | None = None
    set: Annotated[list[str] | None, Parameter(negative="")] = None
    platform: Path | None = None
    experiment: str = "Default"

    def run_request(self, package: str, mode: OperationMode | None) -> submission.RunRequest:
        """Check everything that a run needs; nothing is sent."""
        return submission.run_request(
            package,
            mode,
            config=self.config,
            settings=self.set or (),
            platform=self.platform,
            experiment=self.experiment,
        )


def start_run(
    request: submission.RunRequest,
    server: Server,
    name: str | None = None,
    *,
    wait: bool = False,
    output: Output = "table",
) -> int:
    """Start a run, print its id, and wait for it if that is wanted; return the exit code."""
    with server.connect() as kubeflow:
        run = submission.submit(kubeflow, request, name)
        if wait:
            say(f"{run.name}  {run.id}")
            return follow(kubeflow, run, output)
        if output == "json":
            say_json(as_json(run))
        else:
            Console(soft_wrap=True, highlight=False).print(
                f"{run.name}  {run.state}\n{run.id}\n"
                f"To watch it: poseline pipelines status {run.id} --wait"
            )
    return exit_code(run) if run.over else 0


def apply_schedule(
    request: submission.RunRequest,
    server: Server,
    cron: str,
    name: str | None = None,
    time_zone: str = "UTC",
) -> None:
    """Make or change a schedule, and print when it is due next."""
    due = next_times(cron, datetime.now(zone(time_zone)))
    with server.connect() as kubeflow:
        outcome = submission.schedule(kubeflow, request, cron, name)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{name or request.pipeline}  {six_fields(cron)}  {outcome}")
    for moment in due:
        local = moment.astimezone()
        console.print(f"  {moment:%a %Y-%m-%d %H:%M} {time_zone}  ({local:%a %H:%M %Z} here)")


def unschedule_package(text: str, server: Server, name: str | None = None) -> None:
    """Delete the schedule of a package's pipeline."""
    pipeline = pipeline_name(text)
    with server.connect() as kubeflow:
        deleted, disabled = submission.unschedule(kubeflow, pipeline, name)
    done = "is deleted" if deleted else "was not there"
    if disabled:
        done = (
            "starts no more runs; one of them is still going and would end with it: "
            "delete the schedule with the same command when that run is over"
        )
    Console(soft_wrap=True, highlight=False).print(f"{name or pipeline}  {done}")
