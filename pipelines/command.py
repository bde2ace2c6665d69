"""What a chain's file does when it is run: compile, and on demand submit, schedule or run here."""

from pathlib import Path

from cyclopts import App
from rich.console import Console

from poseline import cli
from poseline.cli.kubeflow_options import (
    Server,
    Settings,
    apply_schedule,
    start_run,
    unschedule_package,
)
from poseline.cli.pipeline_catalog import mode_of, package
from poseline.errors import ConfigError, Problem
from poseline.store.manifest import write_atomic

COMPILED = Path(__file__).resolve().parent / "compiled"


def main(name: str, arguments: list[str] | None = None) -> None:
    """Read the command line of a chain's file and exit with its code.

    Args:
        name: Name of the chain, and of its file.
        arguments: The command line; None: this process's.
    """
    app = App(
        name=f"{name}.py",
        help=f"{name}: compile it, or run it.",
        exit_on_error=False,
        print_error=False,
    )

    @app.default
    def run(
        *,
        submit: bool = False,
        wait: bool = False,
        schedule: str | None = None,
        unschedule: bool = False,
        local: bool = False,
        settings: Settings | None = None,
        server: Server | None = None,
        run_name: str | None = None,
        time_zone: str = "UTC",
        root: Path = Path("local_outputs"),
        cache: bool = True,
    ) -> int:
        """Without a flag: write compiled/<name>.yaml.

        Args:
            submit: Upload it and start a run.
            wait: With --submit: show the stages until the run is over, then its figures; exits by
                outcome.
            schedule: Cron line of five fields: make or change one recurring run.
            unschedule: Delete that recurring run.
            local: Run it here, by KFP's local runner.
            settings: What is run.
            server: Where Kubeflow is.
            run_name: Name of the run or of the schedule; there is one of a name.
            time_zone: The zone that the server reckons in.
            root: With --local: folder of the artifacts.
            cache: With --local: take what an earlier run made of the same inputs.
        """
        asked = [submit, schedule is not None, unschedule, local]
        if sum(asked) > 1:
            accepted = "one of --submit, --schedule, --unschedule, --local"
            raise ConfigError([Problem("flags", "several", accepted)], "the command line")
        text, where = package(name), server or Server()
        if unschedule:
            unschedule_package(text, where, run_name)
        elif any(asked):
            request = (settings or Settings()).run_request(text, mode_of(name))
            if submit:
                return start_run(request, where, run_name, wait=wait)
            if schedule is not None:
                apply_schedule(request, where, schedule, run_name, time_zone)
            else:
                from poseline_kfp.pipelines.local import run as run_here

                chain = run_here(request.package, request.parameters, root, cache=cache)
                _say(f"Done; the artifacts are in {root}, and in MLflow it is the run {chain}")
        else:
            write_atomic(COMPILED / f"{name}.yaml", text)
            _say(f"Wrote {COMPILED / name}.yaml")
        return 0

    cli.main(arguments, program=app)


def _say(message: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(message)
