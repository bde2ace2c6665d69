"""What is said at the end of a run: tables, and where things are."""

from __future__ import annotations

from rich.console import Console

from poseline.cli.tables import experiment_tables
from poseline.runner.chain import REPORT, Experiment


def show(experiment: Experiment) -> None:
    """Print the tables of an experiment and the paths of what it made."""
    console = Console()
    for table in experiment_tables(experiment):
        console.print(table)
    paths = {"experiment": experiment.folder}
    paths |= {f"{name} model": path for name, path in experiment.models.items()}
    if (experiment.folder / REPORT).is_file():
        paths["report"] = experiment.folder / REPORT
    width = max(map(len, paths))
    for label, path in paths.items():
        console.print(f"{label:<{width}}  {path}", soft_wrap=True, highlight=False)
