"""A search from its config to its Pareto front: workers, results, and the best model."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseline.config.models.config import Config
from poseline.config.models.steps import Step
from poseline.errors import DataError, PoselineError
from poseline.log import configure, get_logger
from poseline.report.ranking import Group
from poseline.runner.chain import Experiment, conversion_folder, run_chain
from poseline.runner.runs import find
from poseline.runner.step import run_task
from poseline.search import space
from poseline.search.candidates import TRIALS, Worker
from poseline.search.study import FAILED, REFUSED, SURPLUS, Studies
from poseline.stages import compare
from poseline.store.lock import locked
from poseline.store.manifest import write_atomic

RESULT, COMPARISON, LOCK = "search.json", "comparison", ".lock"
_log = get_logger(__name__)


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        folder: Of the search.
        groups: The trials that were measured, the most accurate first.
        trials: Every trial as JSON values: number, state, values, figures, reason.
        best: The most accurate model within the limits.
    """

    folder: Path
    groups: list[Group]
    trials: list[dict[str, Any]]
    best: Experiment


def search(path: Path, overrides: Sequence[str] = ()) -> Found:
    """Search as a config says.

    A search that was interrupted goes on where it stopped when it is run again with the same
    `hydra.run.dir`: its trials are kept, and those that were in training go on from their last
    epoch.

    Args:
        path: The config file.
        overrides: Changes of it as `key=value`.

    Raises:
        ConfigError: The config, or the space in it, is wrong.
        BackendError: Optuna is not installed, or its storage is away.
        StoreError: Another process searches there, or searched another space.
        PoselineError: Trials fail one after the other.
    """
    config = space.base(path, overrides)
    folder = Path(config.hydra.run.dir)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, folder):
        _convert(config)
        studies = _studies(config, folder)
        settings = space.settings_of(config)
        end = time.monotonic() + settings.minutes * 60 if settings.minutes else None
        left = list(studies.unfinished()) if not studies.shared else []
        worker = Worker(path, overrides, config, folder, studies, end)
        others = _started(settings.workers - 1, path, overrides, folder, end)
        try:
            worker.work(left)
            for other in others:
                other.join()
        finally:
            for other in others:
                other.terminate()
        return finished(worker)


def _studies(config: Config, folder: Path, worker: int = 0) -> Studies:
    settings = space.settings_of(config)
    studies = Studies(settings, settings.name or config.general.project_name, folder, worker)
    if worker == 0 and (known := space.own(config, settings.space)):
        studies.offer(known)  # what whoever wrote the config takes for good comes first
    return studies


def _started(
    count: int, path: Path, overrides: Sequence[str], folder: Path, end: float | None
) -> list[Any]:
    """Start further workers; they know of each other by the storage alone."""
    processes = multiprocessing.get_context("spawn")
    left = None if end is None else end - time.monotonic()
    found = [
        processes.Process(
            target=_join, args=(path, list(overrides), folder, left, number), daemon=True
        )
        for number in range(1, count + 1)
    ]
    for one in found:
        one.start()
    return found


def _join(path: Path, overrides: list[str], folder: Path, left: float | None, number: int) -> None:
    configure()
    config = space.base(path, overrides)
    end = None if left is None else time.monotonic() + left
    try:
        Worker(path, overrides, config, folder, _studies(config, folder, number), end).work()
    except PoselineError as error:
        _log.warning("a worker ended", reason=error.message)


def _convert(config: Config) -> None:
    """Convert the data set once, so that no two trials do."""
    if config.conversion:
        given = {"source": config.conversion.path}
        run_task(Step("convert", "convert"), config, given, conversion_folder(config))


def worker_of(
    path: Path, overrides: Sequence[str], *, place: str | None = None, number: int = 0
) -> Worker:
    """Return a worker of a search that others work at, too, each on a machine of its own.

    Args:
        path: The config file.
        overrides: Changes of it as `key=value`.
        place: URI that measured trials are put to.
        number: Of the worker, from 0.

    Raises:
        ConfigError: The config, or the space in it, is wrong.
        BackendError: Optuna is not installed, or its storage is away.
        StoreError: Another space was searched there.
    """
    config = space.base(path, overrides)
    folder = Path(config.hydra.run.dir)
    folder.mkdir(parents=True, exist_ok=True)
    minutes = space.settings_of(config).minutes
    end = time.monotonic() + minutes * 60 if minutes else None
    studies = _studies(config, folder, number)
    return Worker(path, overrides, config, folder, studies, end, place)


def finished(worker: Worker) -> Found:
    """Compare the trials of a search that is over, and run gate and export for the best.

    Raises:
        DataError: No trial was finished.
    """
    folder, trials = worker.folder, described(worker)
    write_atomic(folder / RESULT, json.dumps(trials, indent=1) + "\n")
    good = {one["number"]: one for one in trials if one["state"] == "finished"}
    if not good:
        reasons = {one["reason"] for one in trials if one["reason"]}
        raise DataError(
            f"none of {len(trials)} trials was finished: {'; '.join(sorted(reasons)[:3])}",
            "widen search.limits or search.space, or raise search.trials or search.minutes",
        )
    runs = {int(run.folder.name): run for run in find(folder / TRIALS) if run.folder.name.isdigit()}
    here = {number: run for number, run in runs.items() if number in good}
    named = {f"{n}: {space.words(good[n]['values'])}": run for n, run in here.items()}
    manifests = {name: list(run.stages.values()) for name, run in named.items()}
    folders = {name: run.folder for name, run in named.items()}
    groups = compare.run(manifests, folder / COMPARISON, folders)
    return Found(folder, groups, trials, _best(worker, good))


def _best(worker: Worker, good: dict[int, dict[str, Any]]) -> Experiment:
    """Run the gate, which registers it, and the export for the most accurate trial."""
    number = max(good, key=lambda n: (good[n]["figures"]["oks"], -n))
    config = worker.configured(number, good[number]["values"], final=True)
    return run_chain(config)


def described(worker: Worker) -> list[dict[str, Any]]:
    """Return every trial of a search as JSON values, without those that nobody needed."""
    trials = worker.studies.main.trials
    return [_described(one, worker) for one in trials if SURPLUS not in one.user_attrs]


def _described(trial: Any, worker: Worker) -> dict[str, Any]:
    names = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    refused = trial.user_attrs.get(REFUSED)
    objectives = worker.settings.objectives
    found = zip(objectives, trial.values, strict=True) if trial.state.name == "COMPLETE" else ()
    return {
        "number": trial.number,
        "state": "refused" if refused else names.get(trial.state.name, "running"),
        "values": space.read(trial.params, worker.settings.space),
        "figures": dict(found),
        "reason": refused or trial.user_attrs.get(FAILED, ""),
    }
