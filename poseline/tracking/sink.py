"""Entries into MLflow such that a second delivery changes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from poseline.names import TAG_CHAIN_ID, TAG_MODEL_URI, TAG_STAGE
from poseline.tracking.client import artifact_location, client, effective
from poseline.tracking.outbox import CHAIN, Address, Entry

_CREATED_TAG = "poseline.created"
_PARENT_TAG = "mlflow.parentRunId"
_PARAMS, _METRICS = 100, 1000
"""MLflow's limits of one request."""
_LONGEST_VALUE, _LONGEST_KEY = 6000, 250
_SETTLE_S = 2.0
"""Longest time that the creation of a run is under way, seen from another pod."""
_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", *_GONE)


def refused(error: Exception) -> bool:
    """Return whether the server will never take what it was sent; else trying again may help."""
    if isinstance(error, FileNotFoundError):
        return True  # an artifact that was removed since
    return getattr(error, "error_code", None) in _REFUSED


class Sink:
    """Delivers the entries of one chain.

    Args:
        address: Where they go.
    """

    def __init__(self, address: Address) -> None:
        self._address, self._client = address, client(address.uri)
        self.forget()

    def forget(self) -> None:
        """Drop what is known of the server's state; it is asked again."""
        self._experiment: str | None = None
        self._runs: dict[str, str] = {}
        self._created: set[str] = set()
        self._seen: dict[tuple[str, str], set[tuple[int, str]]] = {}
        self._params: dict[str, set[str]] = {}

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Deliver entries of one run and one kind; several only of `metrics`.

        Raises:
            Exception: Whatever MLflow, requests or SQLAlchemy raise; see `refused`.
        """
        first = entries[0]
        run = self._run(first.run, first.time)
        match first.kind:
            case "start":
                if run not in self._created:
                    self._client.update_run(run, "RUNNING")
            case "params":
                self._log_params(run, first.values)
            case "metrics":
                self._log_metrics(run, entries)
            case "tags":
                for key, value in first.values.items():
                    self._client.set_tag(run, key, value)
            case "artifact":
                self._log_artifact(run, Path(first.values["path"]), first.values["role"])
            case "model":
                self._log_artifact(run, Path(first.values["path"]), first.values["role"])
                self._name_model(run, first)
            case "end":
                self._client.set_terminated(run, first.values["status"], first.time)

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        """Log the parameters that have no value yet: MLflow refuses to change one."""
        from mlflow.entities import Param

        if run not in self._params:
            self._params[run] = set(self._client.get_run(run).data.params)
        new = {
            name[:_LONGEST_KEY]: str(value)[:_LONGEST_VALUE]
            for name, value in values.items()
            if name[:_LONGEST_KEY] not in self._params[run]
        }
        for names in _chunks(list(new), _PARAMS):
            self._client.log_batch(run, params=[Param(name, new[name]) for name in names])
        self._params[run] |= set(new)

    def _log_metrics(self, run: str, entries: Iterable[Entry]) -> None:
        """Log figures that are not there yet with the same step and value."""
        from mlflow.entities import Metric

        new = []
        for entry in entries:
            for key, value in entry.values.items():
                point = (entry.step, _stored(value))
                if point not in self._points(run, key):
                    new.append((key, point, Metric(key, value, entry.time, entry.step)))
        for part in _chunks(new, _METRICS):
            self._client.log_batch(run, metrics=[metric for _, _, metric in part])
            for key, point, _ in part:
                self._seen[run, key].add(point)

    def _points(self, run: str, key: str) -> set[tuple[int, str]]:
        if (run, key) not in self._seen:
            history = [] if run in self._created else self._client.get_metric_history(run, key)
            self._seen[run, key] = {(point.step, _stored(point.value)) for point in history}
        return self._seen[run, key]

    def _log_artifact(self, run: str, path: Path, role: str) -> None:
        if path.is_dir():
            self._client.log_artifacts(run, str(path), role)
        elif path.is_file():
            self._client.log_artifact(run, str(path))
        else:
            raise FileNotFoundError(f"{path} was removed before it was delivered")

    def _name_model(self, run: str, entry: Entry) -> None:
        """Say in the chain's run where its model is; a final one takes the place of another."""
        parent = self._run(CHAIN, entry.time)
        if entry.values["final"] or TAG_MODEL_URI not in self._client.get_run(parent).data.tags:
            self._client.set_tag(parent, TAG_MODEL_URI, f"runs:/{run}/{entry.values['role']}")

    def holder(self, name: str, role: str) -> str | None:
        """Return the id of a run where it is there and holds an artifact."""
        for run in self._search(name)[:1]:
            if self._client.list_artifacts(run.info.run_id, role):
                return str(run.info.run_id)
        return None

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of a run; none where it is not there."""
        found = self._search(name)
        return dict(found[0].data.tags) if found else {}

    def _run(self, name: str, start: int) -> str:
        """Return the id of a run: found by its tags, or created once whoever else tries to."""
        if name not in self._runs:
            parent = None if name == CHAIN else self._run(CHAIN, start)
            found = self._search(name)
            if found and not parent:
                found = self._settled(found)
            if found:
                self._runs[name] = str(found[0].info.run_id)
            else:
                self._runs[name] = self._create(name, parent, start)
        return self._runs[name]

    def _create(self, name: str, parent: str | None, start: int) -> str:
        created = time.time_ns() // 1_000_000
        tags = {TAG_CHAIN_ID: self._chain_id, TAG_STAGE: name, _CREATED_TAG: str(created)}
        if parent:
            tags[_PARENT_TAG] = parent
        made = self._client.create_run(
            self._experiment_id(), start, tags, name if parent else self._chain_id
        )
        run = str(made.info.run_id)
        if self._address.shared and not parent:
            # Pods that begin together may each have found none. All wait until each sees the
            # others' runs, and keep the one that was created first.
            first = str(self._settled([made])[0].info.run_id)
            if first != run:
                self._client.delete_run(run)
                return first
        self._created.add(run)
        return run

    def _settled(self, found: list[Any]) -> list[Any]:
        """Return the chain's runs, first created first, once no other can appear before them."""
        age = time.time() - _created(found[0]) / 1000
        if not self._address.shared or age > _SETTLE_S:
            return found
        time.sleep(_SETTLE_S - max(age, 0))
        return self._search(CHAIN)

    def _search(self, name: str) -> list[Any]:
        query = f"tags.`{TAG_CHAIN_ID}` = '{self._chain_id}' and tags.`{TAG_STAGE}` = '{name}'"
        found = self._client.search_runs([self._experiment_id()], query)
        return sorted(found, key=lambda run: (_created(run), run.info.run_id))

    @property
    def _chain_id(self) -> str:
        return quote(self._address.chain_id, safe="/ :.@+-_")  # no quote ends the query's string

    def _experiment_id(self) -> str:
        if self._experiment is None:
            name, uri = self._address.experiment, effective(self._address.uri)
            found = self._client.get_experiment_by_name(name)
            if found is None:
                try:
                    self._experiment = self._client.create_experiment(name, artifact_location(uri))
                except Exception as error:
                    if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                        raise
                    found = self._client.get_experiment_by_name(name)
            if found is not None:
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(found.experiment_id)
                self._experiment = str(found.experiment_id)
        assert self._experiment is not None  # noqa: S101  found or created
        return self._experiment


def _created(run: Any) -> int:
    """Return when a run was created, in ms since 1970: its start may be long before."""
    return int(run.data.tags.get(_CREATED_TAG, run.info.start_time))


def _stored(value: float) -> str:
    """Return a figure as the database keeps it: infinity becomes the largest number."""
    if math.isinf(value):
        value = math.copysign(1.7976931348623157e308, value)
    return repr(float(value))


def _chunks(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))
