"""Commands about pipelines on Kubeflow."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App
from rich.table import Table

from poseline.cli.kubeflow_options import (
    Server,
    Settings,
    apply_schedule,
    start_run,
    unschedule_package,
)
from poseline.cli.pipeline_catalog import describe, mode_of, names, package
from poseline.cli.run_view import Output, as_json, figures, follow, runs_table, say, say_json, show
from poseline.config.loading.settings_file import read_settings
from poseline.kubeflow import logs as pod_logs
from poseline.kubeflow.package import configure
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.schedules import schedules
from poseline.store.manifest import write_atomic
from poseline.store.ownership import check_file
from poseline.terminal import Console

app = App(
    name="pipelines",
    help="Compile, run, watch and schedule pipelines on Kubeflow.",
    help_format="markdown",
)


@app.command(name="list")
def list_pipelines(
    *, server: Server | None = None, schedule: bool = False, output: Output = "table"
) -> None:
    """List the pipelines that can be run, or the schedules on the server.

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
            rows = [
                [one.name, one.cron, "on" if one.enabled else "off", one.id]
                for one in schedules(kubeflow)
            ]
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
    *pipelines: str,
    out: Path = Path("pipelines/compiled"),
    platform: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write compiled pipelines, ready to be uploaded in Kubeflow's UI.

    Example: `poseline pipelines compile chain_tqeb --out packages --platform cluster.yaml`

    Args:
        pipelines: Their names; by default all.
        out: Folder for `<name>.yaml`.
        platform: YAML file with the settings of the cluster; by default the built-in ones.
        overwrite: Replace files that poseline did not write.
    """
    settings = read_settings(platform, Platform) if platform else None
    for name in pipelines or names():
        text = package(name)
        text = configure(text, settings) if settings else text
        path = check_file(out / f"{Path(name).stem}.yaml", overwrite=overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
        Console().print(f"Wrote {path}", highlight=False, soft_wrap=True)


@app.command
def submit(
    pipeline: str,
    *,
    settings: Settings | None = None,
    server: Server | None = None,
    name: str | None = None,
    wait: bool = False,
    output: Output = "table",
) -> int:
    """Run a pipeline on Kubeflow.

    Example: `poseline pipelines submit chain_tqeb --config demo.yaml --set epochs=30 --wait`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        settings: What to run.
        server: Where Kubeflow is.
        name: Name of the run. Names are unique, so repeating the command does not start a second
            run. By default a new name with the current time.
        wait: Show the states of the stages until the run is over, then its figures. The exit code
            is the outcome: 0 succeeded, 1 failed, 7 not passed by the gate, 8 canceled. Ctrl-C does
            not stop the run.
        output: A table, or JSON.
    """
    request = (settings or Settings()).run_request(package(pipeline), mode_of(pipeline))
    return start_run(request, server or Server(), name, wait=wait, output=output)


@app.command
def status(
    run: str | None = None,
    *,
    server: Server | None = None,
    experiment: str | None = None,
    limit: int = 20,
    wait: bool = False,
    output: Output = "table",
) -> int:
    """Show a run and its stages, or the latest runs.

    Example: `poseline pipelines status 4b7c… --wait`

    Args:
        run: Id of the run; by default the latest runs are listed.
        server: Where Kubeflow is.
        experiment: List only the runs of this experiment.
        limit: Maximum number of runs to list.
        wait: Wait until the run is over; the exit code is its outcome.
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
    show(found, output, figures(found) if found.over else None)
    return 0


@app.command
def logs(
    run: str,
    *,
    server: Server | None = None,
    task: str | None = None,
    artifacts: str | None = None,
) -> int:
    """Print the logs of a run's tasks, from the server or the object storage.

    Example: `poseline pipelines logs 4b7c… --task train`

    Args:
        run: Id of the run.
        server: Where Kubeflow is.
        task: One task; by default all.
        artifacts: Where Kubeflow keeps artifacts, including the logs of deleted pods; by default
            s3://mlpipeline/v2/artifacts if AWS_ENDPOINT_URL_S3 names the storage. Credentials are
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    artifacts = artifacts or pod_logs.default_artifacts()
    with (server or Server()).connect() as kubeflow:
        found, printed = kubeflow.run(run), 0
        for log in pod_logs.logs(kubeflow, found, task, artifacts):
            printed += 1
            console.print(f"== {log.task} ({log.place})", log.text.rstrip(), sep="\n")
        if printed:
            return 0
        for one in found.tasks:
            console.print(f"{one.label}  {one.state}  {one.error}".rstrip())
        where = f"Neither Kubeflow nor {artifacts} has" if artifacts else "Kubeflow hands out no"
        command = pod_logs.command(found, kubeflow.namespace)
        hint = "" if artifacts else "\nor give the storage: AWS_ENDPOINT_URL_S3, and --artifacts"
        say(f"{where} logs of this run. Try:\n{command}{hint}")
    return 1


@app.command
def cancel(run: str, *more: str, server: Server | None = None) -> None:
    """Cancel runs; one that is already over is not an error.

    Example: `poseline pipelines cancel 4b7c…`

    Args:
        run: Id of a run.
        more: Ids of further runs.
        server: Where Kubeflow is.
    """
    with (server or Server()).connect() as kubeflow:
        for each in (run, *more):
            ended = kubeflow.terminate(each)
            done = "is ended" if ended else "was over already"
            Console(soft_wrap=True).print(f"{each}  {done}", highlight=False)


@app.command
def schedule(
    pipeline: str,
    cron: str,
    *,
    settings: Settings | None = None,
    server: Server | None = None,
    name: str | None = None,
    time_zone: str = "UTC",
) -> None:
    """Run a pipeline on a schedule; an existing schedule with the same name is replaced.

    Example: `poseline pipelines schedule chain_tqeb "0 3 * * 1" --config demo.yaml`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        cron: Minute, hour, day of month, month, day of week.
        settings: What to run.
        server: Where Kubeflow is.
        name: Name of the schedule; by default that of the pipeline.
        time_zone: The server's time zone, its CRON_SCHEDULE_TIMEZONE. Kubeflow has one for all
            schedules, UTC unless it was changed.
    """
    request = (settings or Settings()).run_request(package(pipeline), mode_of(pipeline))
    apply_schedule(request, server or Server(), cron, name, time_zone)


@app.command
def unschedule(pipeline: str, *, server: Server | None = None, name: str | None = None) -> None:
    """Delete a schedule; while one of its runs is still going, only stop it from starting others.

    Example: `poseline pipelines unschedule chain_tqeb`

    Args:
        pipeline: Name of the pipeline, or a compiled one's file.
        server: Where Kubeflow is.
        name: Name of the schedule; by default that of the pipeline.
    """
    unschedule_package(package(pipeline), server or Server(), name)
