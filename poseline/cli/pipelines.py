"""Commands about pipelines on Kubeflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from poseline.cli.packages import describe, mode_of, names, package
from poseline.cli.watch import Output, as_json, exit_code, follow, runs_table, say_json, show
from poseline.config.general import OperationMode
from poseline.kubeflow import logs as pod_logs
from poseline.kubeflow import submission
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.cron import next_times, six_fields, zone
from poseline.kubeflow.package import configure, pipeline_name
from poseline.kubeflow.schedules import schedules

app = App(name="pipelines", help="Compile, run, watch and schedule pipelines on Kubeflow.")


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

    def order(self, package: str, mode: OperationMode | None) -> submission.Order:
        """Check everything that a run needs; nothing is sent."""
        return submission.order(
            package, mode, config=self.config, settings=self.set or (), platform=self.platform,
            experiment=self.experiment,
        )  # fmt: skip


@app.command(name="list")
def list_pipelines(
    *, server: Server | None = None, schedule: bool = False, output: Output = "table"
) -> None:
    """List the pipelines that can be run, or what is scheduled on the server.

    Example: `poseline pipelines list --schedule --host localhost:8888`

    Args:
        server: Where Kubeflow is.
        schedule: List the schedules of the server.
        output: A table, or JSON.
    """
    columns, title = ["name", "in Kubeflow", "description"], "Pipelines"
    if schedule:
        columns, title = ["name", "cron, seconds first", "state", "id"], "Schedules"
        with (server or Server()).connect() as kubeflow:
            rows = [[one.name, one.cron, "on" if one.enabled else "off", one.id]
                    for one in schedules(kubeflow)]  # fmt: skip
    else:
        rows = [[name, *describe(name)] for name in names()]
    if output == "json":
        say_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command(name="compile")
def compile_pipelines(
    *pipelines: str, out: Path = Path("pipelines/compiled"), platform: Path | None = None
) -> None:
    """Write compiled pipelines, ready to be uploaded in Kubeflow's UI.

    Example: `poseline pipelines compile chain_tqeb --out packages --platform cluster.yaml`

    Args:
        pipelines: Their names; none: all.
        out: Folder for `<name>.yaml`.
        platform: YAML file with the settings of the cluster; without it the defaults.
    """
    settings = submission.read_platform(platform) if platform else None
    for name in pipelines or names():
        text = package(name)
        text = configure(text, settings) if settings else text
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{Path(name).stem}.yaml"
        path.write_text(text, encoding="utf-8")
        Console().print(f"Wrote {path}", highlight=False, soft_wrap=True)


@app.command
def submit(
    pipeline: str, *, settings: Settings | None = None, server: Server | None = None,
    name: str | None = None, wait: bool = False, output: Output = "table",
) -> int:  # fmt: skip
    """Run a pipeline on Kubeflow.

    Example: `poseline pipelines submit chain_tqeb --config demo.yaml --set epochs=30 --wait`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        settings: What is run.
        server: Where Kubeflow is.
        name: Name of the run; there is one of a name, so that a repeated call starts no second
            one. Without it a new name with the time in it.
        wait: Show the states of the stages until the run is over, then its figures; exits by
            outcome: 0 succeeded, 1 failed, 7 not passed by the gate, 8 canceled. Ctrl-C leaves
            the run going.
        output: A table, or JSON.
    """
    ordered = (settings or Settings()).order(package(pipeline), mode_of(pipeline))
    return run_order(ordered, server or Server(), name, wait=wait, output=output)


@app.command
def status(
    run: str | None = None, *, server: Server | None = None, experiment: str | None = None,
    limit: int = 20, wait: bool = False, output: Output = "table",
) -> int:  # fmt: skip
    """Show a run and its stages, or the newest runs.

    Example: `poseline pipelines status 4b7c… --wait`

    Args:
        run: Id of the run; without it the newest runs are listed.
        server: Where Kubeflow is.
        experiment: List the runs of this experiment alone.
        limit: Most runs to list.
        wait: Go on until the run is over, and exit by outcome.
        output: A table, or JSON.
    """
    with (server or Server()).connect() as kubeflow:
        if not run:
            runs = kubeflow.runs(experiment, limit)
            if output == "json":
                say_json([as_json(one) for one in runs])
            else:
                Console().print(runs_table(runs))
            return 0
        found = kubeflow.run(run)
        if wait:
            return follow(kubeflow, found, output)
    show(found, output)
    return 0


@app.command
def logs(run: str, *, server: Server | None = None, task: str | None = None) -> int:
    """Print the logs of a run's tasks, as far as the server has them.

    Example: `poseline pipelines logs 4b7c… --task train`

    Args:
        run: Id of the run.
        server: Where Kubeflow is.
        task: One task; without it all.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with (server or Server()).connect() as kubeflow:
        found, printed = kubeflow.run(run), 0
        for log in pod_logs.logs(kubeflow, found, task):
            printed += 1
            console.print(f"== {log.task} ({log.pod})", log.text.rstrip(), sep="\n")
        if printed:
            return 0
        for one in found.tasks:
            console.print(f"{one.name}  {one.state}  {one.error}".rstrip())
        _say(f"The server hands out no logs. Try:\n{pod_logs.command(found, kubeflow.namespace)}")
    return 1


@app.command
def cancel(run: str, *more: str, server: Server | None = None) -> None:
    """End runs; one that is over already is no error.

    Example: `poseline pipelines cancel 4b7c…`

    Args:
        run: Id of a run.
        more: Ids of further ones.
        server: Where Kubeflow is.
    """
    with (server or Server()).connect() as kubeflow:
        for each in (run, *more):
            ended = kubeflow.terminate(each)
            done = "is ended" if ended else "was over already"
            Console(soft_wrap=True).print(f"{each}  {done}", highlight=False)


@app.command
def schedule(
    pipeline: str, cron: str, *, settings: Settings | None = None, server: Server | None = None,
    name: str | None = None, time_zone: str = "UTC",
) -> None:  # fmt: skip
    """Make a pipeline run again and again; one schedule of a name, replaced where it changes.

    Example: `poseline pipelines schedule chain_tqeb "0 3 * * 1" --config demo.yaml`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        cron: Minute, hour, day of month, month, day of week.
        settings: What is run.
        server: Where Kubeflow is.
        name: Name of the schedule; without it that of the pipeline.
        time_zone: The zone that the server reckons in, its CRON_SCHEDULE_TIMEZONE; Kubeflow has
            one for all schedules, and it is UTC unless somebody changed it.
    """
    ordered = (settings or Settings()).order(package(pipeline), mode_of(pipeline))
    schedule_order(ordered, server or Server(), cron, name, time_zone)


@app.command
def unschedule(pipeline: str, *, server: Server | None = None, name: str | None = None) -> None:
    """Delete a schedule; while a run of it goes on, only end its making of new ones.

    Example: `poseline pipelines unschedule chain_tqeb`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        server: Where Kubeflow is.
        name: Name of the schedule; without it that of the pipeline.
    """
    unschedule_package(package(pipeline), server or Server(), name)


def run_order(
    ordered: submission.Order, server: Server, name: str | None = None, *, wait: bool = False,
    output: Output = "table",
) -> int:  # fmt: skip
    """Start a run, tell its id, and wait for it if that is wanted; return the exit code."""
    with server.connect() as kubeflow:
        run = submission.submit(kubeflow, ordered, name)
        if wait:
            _say(f"{run.name}  {run.id}")
            return follow(kubeflow, run, output)
        if output == "json":
            say_json(as_json(run))
        else:
            Console(soft_wrap=True, highlight=False).print(
                f"{run.name}  {run.state}\n{run.id}\n"
                f"To watch it: poseline pipelines status {run.id} --wait"
            )
    return exit_code(run) if run.over else 0


def schedule_order(
    ordered: submission.Order, server: Server, cron: str, name: str | None = None,
    time_zone: str = "UTC",
) -> None:  # fmt: skip
    """Make or change a schedule, and tell when it is due next."""
    due = next_times(cron, datetime.now(zone(time_zone)))
    with server.connect() as kubeflow:
        outcome = submission.schedule(kubeflow, ordered, cron, name)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{name or ordered.pipeline}  {six_fields(cron)}  {outcome}")
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
            "makes no more runs; one of them goes on, and would end with it: "
            "delete the schedule by the same command after that"
        )
    Console(soft_wrap=True, highlight=False).print(f"{name or pipeline}  {done}")


def _say(message: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(message)
