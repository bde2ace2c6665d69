"""Commands about runs that are there: list, show, compare, rm."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from poseline.errors import ConfigError, DataError, Problem
from poseline.terminal import Console

if TYPE_CHECKING:
    from poseline.runner.runs import RunDirectory

app = App(name="runs", help="List, show, compare and remove runs.", help_format="markdown")
RUNS = Path("experiments_outputs")
Json = Annotated[bool, Parameter(name="--json", negative="")]


@app.command(name="list")
def list_(
    folder: Path = RUNS, *, mlflow: str | None = None, as_json: Json = False, limit: int = 50
) -> None:
    """List the runs below a folder, the latest first, with their figures.

    Example: `poseline runs list experiments_outputs --mlflow http://mlflow:5000`

    Args:
        folder: Where the run directories are.
        mlflow: Tracking URI or directory of an MLflow whose runs are also listed.
        as_json: Print JSON for programs.
        limit: Maximum number of runs to list.
    """
    from poseline.cli.run_tables import as_json as described
    from poseline.cli.run_tables import leaderboard
    from poseline.runner.leaderboard import local, tracked
    from poseline.runner.runs import find

    if not folder.exists() and not mlflow:
        raise DataError(f"{folder} does not exist", _where_runs_are())
    found = [local(run, folder) for run in (find(folder) if folder.exists() else [])]
    found += tracked(mlflow, found) if mlflow else []
    found.sort(key=lambda entry: entry.created, reverse=True)
    if as_json:
        _print_json([described(entry) for entry in found[:limit]])
        return
    Console().print(leaderboard(found[:limit], folder))
    if len(found) > limit:
        Console().print(f"{len(found) - limit:,} earlier runs are not shown; see --limit.")


@app.command
def show(run: Path, *, as_json: Json = False) -> None:
    """Show a run: its steps, its figures, and where its files are.

    Example: `poseline runs show experiments_outputs/2026_01_31_12_00_00`

    Args:
        run: The run directory, or its name below experiments_outputs.
        as_json: Print JSON for programs.
    """
    from poseline.cli.run_tables import as_json as described
    from poseline.cli.run_tables import files_of, run_table, steps_table
    from poseline.runner.leaderboard import local

    (found,) = _find([run], alone=True)
    entry = local(found, found.folder.parent)
    if as_json:
        _print_json(described(entry) | {"files": files_of(found)})
        return
    console = Console()
    console.print(run_table(entry))
    console.print(steps_table(found))
    for label, path in files_of(found).items():
        console.print(f"{label:<16}  {path}", soft_wrap=True)


@app.command
def compare(
    *experiments: Path,
    out: Annotated[Path, Parameter(alias="-o")] = Path("comparison"),
    as_json: Json = False,
) -> None:
    """Compare finished runs: accuracy against flash and latency, with the Pareto fronts marked.

    Runs whose accuracy was measured on other pictures or keypoints are shown in another table.

    Example: `poseline compare experiments_outputs --out comparison`

    Args:
        experiments: Run directories, or folders of them; by default experiments_outputs.
        out: Folder of compare.html, compare.png, compare.md and compare.json.
        as_json: Print JSON for programs.
    """
    from poseline.cli.run_tables import comparison_tables
    from poseline.runner.runs import labels
    from poseline.stages.compare import PAGE, RESULT, run

    found = _find(experiments or (RUNS,))
    for left in (one for one in found if one.state != "finished"):
        Console(stderr=True).print(f"left out: {left.folder}: {left.state_in_words}")
    finished = [one for one in found if one.state == "finished"]
    if not finished:
        raise DataError(
            f"no finished run in {', '.join(map(str, experiments or (RUNS,)))}",
            "name run directories, or a folder of them; `poseline runs list` shows their states",
        )
    named = dict(zip(labels(finished), finished, strict=True))
    manifests = {name: list(one.stages.values()) for name, one in named.items()}
    groups = run(manifests, out, {name: one.folder for name, one in named.items()})
    if as_json:
        _print_json(json.loads((out / RESULT).read_text(encoding="utf-8")))
        return
    console = Console()
    for part in comparison_tables(groups):
        console.print(part)
    console.print(f"Wrote {out / PAGE}, with links to the reports", soft_wrap=True)


@app.command
def rm(
    *runs: Path,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Remove run directories; one with a file that poseline did not make is left unchanged.

    Example: `poseline runs rm experiments_outputs/2026_01_31_12_00_00 --yes`

    Args:
        runs: Run directories, or their names below experiments_outputs.
        yes: Do not ask for confirmation.
        dry_run: Say what would be removed, and remove nothing.
    """
    from poseline.runner.run_removal import check, remove

    if not runs:
        raise ConfigError([Problem("RUNS", "nothing", "run directories")], "the command line")
    found, console = _find(runs, alone=True), Console()
    for run in found:
        check(run)
        size = sum(path.lstat().st_size for path in run.folder.rglob("*") if not path.is_dir())
        console.print(f"{run.folder}: {run.state_in_words}, {size / 1e6:,.1f} MB", soft_wrap=True)
    if dry_run or not (yes or _agreed(len(found))):
        console.print("Nothing was removed.")
        return
    for run in found:
        remove(run)
        console.print(f"removed {run.folder}", soft_wrap=True)


def _find(places: Sequence[Path], *, alone: bool = False) -> list[RunDirectory]:
    """Return the run directories that are named, or those in the folders that are.

    Args:
        places: As the user wrote them; a name alone is also looked for in experiments_outputs.
        alone: Take no folder of several run directories.
    """
    from poseline.runner.runs import find

    runs: dict[str, RunDirectory] = {}
    for place in places:
        within = RUNS / place
        there = within if not os.path.lexists(place) and within.is_dir() else place
        found = find(there)
        itself = len(found) == 1 and found[0].folder == there
        if not found or (alone and not itself):
            raise DataError(
                f"{there} is not a run directory"
                + (f", and holds {len(found):,}" if alone and found else ""),
                f"`poseline runs list {there.parent}` shows those that are there",
            )
        runs |= {os.path.realpath(one.folder): one for one in found}
    return list(runs.values())


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            [Problem("--yes", "nothing", "--yes, without a terminal to ask at")],
            "the command line",
        )
    return input(f"Remove {count} run{'s' if count > 1 else ''}? [y/N] ").strip().lower() == "y"


def _print_json(content: object) -> None:
    Console(soft_wrap=True).print(json.dumps(content, indent=1))


def _where_runs_are() -> str:
    """Return what to do where a folder has no runs: the folders here that have some are named."""
    from poseline.runner.runs import is_run

    runs = (path.parent for depth in ("*", "*/*") for path in Path().glob(f"{depth}/config.yaml"))
    found = set()
    for run in runs:
        with contextlib.suppress(OSError):  # a file that cannot be read is none of ours
            if is_run(run):
                found.add(run.parts[0])
    if found:
        named = sorted(found)
        return f"there are runs in {', '.join(named)}: poseline runs list {named[0]}"
    return "name the folder of the run directories: poseline runs list FOLDER"
