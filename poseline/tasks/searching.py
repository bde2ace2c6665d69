"""A search by several tasks: they share the storage that the platform's secret names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
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

MOST_WORKERS = 256
_SOURCE = "the form"


def orders(text: str, form: Mapping[str, Any], workers: int, place: str) -> list[SearchOrder]:
    """Check a search; return the instructions for each worker.

    Args:
        text: The config as YAML.
        form: Fields that win over it.
        workers: How many tasks search.
        place: URI that measured trials are put to.

    Raises:
        ConfigError: The config, or the space in it, is wrong; or it names a set to convert, which
            every worker would convert anew.
        StoreError: The data set cannot be listed.
    """
    if not 1 <= workers <= MOST_WORKERS:
        problem = Problem("workers", repr(workers), f"1 to {MOST_WORKERS}")
        raise ConfigError([problem], _SOURCE)
    config = run_form.read(text, space.MODE, form)
    if config.conversion:
        accepted = "a set that is converted: run the pipeline `conversion`, and give its output"
        raise ConfigError([Problem("dataset", config.conversion.path, accepted)], _SOURCE)
    if config.search and config.search.storage:
        accepted = "nothing: the secret `search.secretName` of the platform has the URL"
        raise ConfigError([Problem("search.storage", "a URL", accepted)], _SOURCE)
    data = yaml.safe_load(load.dump(config))
    data.pop("hydra", None)
    data["gate"] = data.get("gate") or {"board_fit": bool(config.search and _fits(config))}
    written = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    space.check(written)
    return [
        SearchOrder(worker=number, config=written, place=place) for number in range(1, workers + 1)
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


def _fits(config: Any) -> bool:
    return bool(config.search.limits.board_fit)
