"""What is said when a run starts, and at its end: tables, and where things are."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from poseline import stopping
from poseline.cli.tables import experiment_tables
from poseline.runner.chain import REPORT, Experiment
from poseline.stages.result import StageResult
from poseline.terminal import Console


def announce(experiment: Experiment) -> None:
    """Print where a run is, how to follow it, and how to go on with it when it is stopped."""
    folder = experiment.folder
    same = sys.argv[1:2] == ["demo"] or any(
        argument.startswith("hydra.run.dir=") for argument in sys.argv
    )
    command = "the same command" + ("" if same else f" with hydra.run.dir={folder}")
    stopping.advise(f"What is finished is kept in {folder}; to resume, run {command}.")
    lines = {"run directory": str(folder)}
    if "train" in experiment.config.stages:
        lines["to follow"] = f"tensorboard --logdir {folder / experiment.config.general.logs_dir}"
    lines["to stop"] = "Ctrl-C"
    lines["to resume"] = "the same command" if same else f"add hydra.run.dir={folder}"
    _print(Console(), lines)


def show(experiment: Experiment) -> None:
    """Print the tables of an experiment and the paths of what it made."""
    console = Console()
    for table in experiment_tables(experiment):
        console.print(table)
    paths = {"experiment": str(experiment.folder)}
    paths |= {f"{name} model": str(path) for name, path in experiment.models.items()}
    if predicted := experiment.results.get("predict"):
        paths["pictures"] = _predicted(predicted)
        paths["keypoints"] = str(predicted.files["predictions"])
    if exported := experiment.results.get("export"):
        paths["export"] = f"{exported.out / exported.summary['folder']}, and as .zip beside it"
    if (experiment.folder / REPORT).is_file():
        paths["report"] = str(experiment.folder / REPORT)
    _print(console, paths)


def _predicted(result: StageResult) -> str:
    """Return where the annotated pictures are, how many, and how fast they were."""
    metrics = result.metrics
    text = f"{result.out / 'pictures'}: {metrics['pictures']:.0f} annotated"
    text += f", {metrics['pictures_per_s']:,.1f} a second with the model alone"
    lost = int(metrics["unreadable"])
    return text + (f"; {lost} could not be read and are left out" if lost else "")


def _print(console: Console, lines: Mapping[str, str]) -> None:
    width = max(map(len, lines))
    for label, text in lines.items():
        console.print(f"{label:<{width}}  {text}", soft_wrap=True, highlight=False, markup=False)
