"""A search by several tasks: they share the storage that the platform's secret names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from poseline import store
from poseline.config.loading import load, run_form
from poseline.errors import ConfigError, Problem, StoreError
from poseline.names import SEARCH_STORAGE
from poseline.search import space
from poseline.search.candidates import PLACE, TRIALS, Worker
from poseline.search.search import Found, finished, worker_of
from poseline.store.manifest import write_atomic
from poseline.tasks.parameters import SearchOrder
from poseline.tasks.resolve import Resolved, resolve

MOST_WORKERS = 256
_SOURCE = "the form"


@dataclass(frozen=True)
class SearchPlan:
    """A search that was checked.

    Attributes:
        config: The whole config as YAML, with what the form says.
        resolved: What converts its data set.
    """

    config: str
    resolved: Resolved


def plan(text: str, form: Mapping[str, Any], workers: int) -> SearchPlan:
    """Check a search.

    Args:
        text: The config as YAML.
        form: Fields that win over it.
        workers: How many tasks search.

    Raises:
        ConfigError: The config, or the space in it, is wrong.
        StoreError: The data set cannot be listed.
    """
    if not 1 <= workers <= MOST_WORKERS:
        problem = Problem("workers", repr(workers), f"1 to {MOST_WORKERS}")
        raise ConfigError([problem], _SOURCE)
    config = run_form.read(text, space.MODE, form)
    if config.search and config.search.storage:
        accepted = "nothing: the secret `search.secretName` of the platform has the URL"
        raise ConfigError([Problem("search.storage", "a URL", accepted)], _SOURCE)
    data = yaml.safe_load(load.dump(config))
    data.pop("hydra", None)
    data["gate"] = data.get("gate") or {"board_fit": bool(config.search and _fits(config))}
    written = _written(data)
    space.check(written)
    return SearchPlan(written, resolve(written, space.MODE, {}))


def orders(config: str, workers: int, inputs: Mapping[str, str], place: str) -> list[SearchOrder]:
    """Return the instructions for each worker of a search.

    Args:
        config: From `plan`.
        workers: How many tasks search.
        inputs: What a training reads once the data set is converted: input to its URI.
        place: URI that measured trials are put to.
    """
    data = yaml.safe_load(config)
    if data.pop("conversion", None):
        sets = {"training", "validation"} & inputs.keys()
        data["dataset"] |= {f"{name}_path": inputs[name] for name in sets}
        config = _written(data)
    return [
        SearchOrder(worker=number, config=config, place=place) for number in range(1, workers + 1)
    ]


def work(order: SearchOrder, folder: Path) -> None:
    """Run trials until the search is over.

    Args:
        order: From `orders`.
        folder: For the trials of this worker.

    Raises:
        ConfigError: No storage is named.
        PoselineError: Trials fail one after the other.
    """
    _worker(order, folder).work()


def result(order: SearchOrder, folder: Path) -> Found:
    """Compare the trials, and run the gate and the export for the best one.

    Args:
        order: Of any worker.
        folder: For the trials, which are fetched.

    Raises:
        DataError: No trial was finished.
        StoreError: A trial is no longer where its worker put it.
    """
    worker = _worker(order, folder)
    for trial in worker.studies.main.trials:
        if place := trial.user_attrs.get(PLACE):
            _copy(place, folder / TRIALS / f"{trial.number:04d}")
    return finished(worker)


def _worker(order: SearchOrder, folder: Path) -> Worker:
    if not os.environ.get(SEARCH_STORAGE):
        accepted = "a secret whose key `uri` is the URL of a database, such as postgresql://…"
        raise ConfigError([Problem("platform.search.secretName", "nothing", accepted)], "the task")
    path = folder / "config.yaml"
    write_atomic(path, order.config)
    overrides = [f"hydra.run.dir={folder}"]
    return worker_of(path, overrides, place=order.place, number=order.worker - 1)


def _copy(uri: str, folder: Path) -> None:
    """Bring a trial here, writable, as its worker left it."""
    source = store.fetch(uri, progress=False)
    if not source.is_dir():
        raise StoreError(f"{uri} is not a folder", "the trial was deleted; search again")
    shutil.copytree(source, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _written(data: Mapping[str, Any]) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _fits(config: Any) -> bool:
    return bool(config.search.limits.board_fit)
