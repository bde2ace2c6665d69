"""Runs in MLflow: one parent a chain, one nested run a stage."""

from __future__ import annotations

import math
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from poseline import stopping
from poseline.errors import BackendError, PoselineError
from poseline.log import get_logger
from poseline.progress import doing
from poseline.tracking import client
from poseline.tracking.client import effective
from poseline.tracking.failures import Failure
from poseline.tracking.outbox import CHAIN, Address, Entry, Kind, Outbox
from poseline.tracking.sender import Sender, brief
from poseline.tracking.sink import Sink

MODEL = "mlflow_model"
"""Artifact path of a run's model: `runs:/<run id>/mlflow_model`."""
_LOCAL_PATIENCE_S = 60.0  # a store on this machine is never away, only slow when it is made
_PATIENCE_S = 5.0  # what is left then waits for the next run or `poseline mlflow sync`
_HURRY_S = 3.0  # where the process was asked to end: the next attempt delivers the same
_STOPPED = 143
_log = get_logger(__name__)


class StageRun:
    """The run of one stage, or of the chain. Logging never raises and never waits.

    Args:
        name: The stage's step, or `CHAIN`.
        outbox: Where entries are put.
        sender: Who receives them.
    """

    def __init__(self, name: str, outbox: Outbox, sender: Sender) -> None:
        self._name, self._outbox, self._sender = name, outbox, sender

    def params(self, params: Mapping[str, Any]) -> None:
        """Log settings, nested ones by dotted path; a setting keeps its first value."""
        if flat := flatten(params):
            self.add("params", {name: str(value) for name, value in flat.items()})

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log figures at a step; what is already there with the same value is not repeated."""
        if metrics:
            self.add("metrics", {name: float(value) for name, value in metrics.items()}, step)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self.add("tags", tags)

    def artifacts(self, files: Mapping[str, Path]) -> None:
        """Log files and folders; a folder goes under its role's name.

        They are read when they are delivered: leave them where they are.
        """
        for role, path in files.items():
            self.add("artifact", {"path": str(path.resolve()), "role": role})

    @property
    def name(self) -> str:
        """The stage's step, or `CHAIN`."""
        return self._name

    def model(self, model: Path, *, final: bool = True) -> None:
        """Log a model file such that `mlflow.pyfunc.load_model` opens it.

        Args:
            model: The file; its sidecar goes along.
            final: Whether it is what the chain was run for; the chain's run gets its URI as the
                tag `poseline.model_uri`. Otherwise it gets it for want of another.
        """
        folder = self._outbox.folder / "models" / self._name / MODEL
        try:
            shutil.rmtree(folder, ignore_errors=True)
            from poseline.tracking import pyfunc  # what it needs is not in the operator's image

            path = pyfunc.save(model, folder).resolve()
            self.add("model", {"path": str(path), "role": MODEL, "final": final})
        except Exception as error:  # MLflow's own, OSError, a model of a kind without shapes
            _log.warning("the model is not tracked", model=str(model), reason=brief(error))

    def add(self, kind: Kind, values: Mapping[str, Any], step: int = 0) -> None:
        """Put an entry in the outbox."""
        now = time.time_ns() // 1_000_000
        try:
            self._outbox.add(Entry(self._name, kind, now, dict(values), step))
        except OSError as error:
            _log.warning("not tracked", run=self._name, what=kind, reason=brief(error))
        self._sender.wake()


class Tracker:
    """The runs of one chain; a context that ends the chain's run with the status it left with.

    Args:
        outbox: With its address set.
        address: That address; leaving does not end the run of a chain that is shared.
        patience: Most seconds that leaving waits for a server.
        leave: Where the outbox is copied to if something is left in it.
    """

    def __init__(
        self, outbox: Outbox, address: Address, patience: float, leave: Path | None = None
    ) -> None:
        self.address, self._outbox, self._patience = address, outbox, patience
        self._leave = leave
        self._sender = Sender(outbox)
        self.parent = self._start(CHAIN)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageRun]:
        """Give the nested run of a stage; taken up again where an attempt before left it."""
        run = self._start(name)
        try:
            yield run
        except BaseException as error:
            run.add("end", {"status": _status(error)})
            raise
        run.add("end", {"status": "FINISHED"})

    def logged_model(self, run: StageRun) -> str:
        """Return the URI of a model that was logged in a run, once it is delivered.

        Raises:
            BackendError: MLflow cannot be reached, or did not take the model.
        """
        left, found = self._sender.flush(self._patience), None
        if not left:
            try:
                found = Sink(self.address).holder(run.name, MODEL)
            except Exception as error:  # MLflow's, requests', SQLAlchemy's
                _log.warning("MLflow does not answer", reason=brief(error))
        if found is None:
            raise BackendError(
                f"MLflow at {self.address.uri} did not take the model within "
                f"{self._patience:g} s; {left} entries wait in {self._outbox.folder}",
                "run it again when the server is back",
            )
        return f"runs:/{found}/{MODEL}"

    def failure(self) -> Failure | None:
        """Return why a task of the chain failed, as that task wrote it; None: nobody did."""
        if self._sender.flush(self._patience):
            return None
        try:
            return Failure.read(Sink(self.address).tags(CHAIN))
        except Exception as error:  # MLflow's, requests', SQLAlchemy's
            _log.warning("MLflow does not answer", reason=brief(error))
            return None

    def end(self, status: str) -> None:
        """End the chain's run: `FINISHED`, `FAILED` or `KILLED`."""
        self.parent.add("end", {"status": status})

    def close(self, patience: float | None = None) -> None:
        """Wait for the delivery, within limits; what is left is delivered later.

        Args:
            patience: Most seconds to wait, where it is less than the tracker's.
        """
        with doing("delivering what is left to MLflow"):
            left = self._sender.close(min(self._patience, patience or math.inf))
        if not left:
            return
        place = self._outbox.folder
        if self._leave:
            try:
                place = self._outbox.copy(self._leave)
            except OSError as error:
                _log.warning("what is left cannot be kept", reason=brief(error))
        _log.warning(
            "MLflow did not take everything; `poseline mlflow sync` delivers it later",
            entries=left,
            outbox=str(place),
        )

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.address.shared:
            self.end(_status(error) if error else "FINISHED")
        self.close(_HURRY_S if error and _status(error) == "KILLED" else None)

    def _start(self, name: str) -> StageRun:
        run = StageRun(name, self._outbox, self._sender)
        run.add("start", {})
        return run


def open_tracker(
    uri: str,
    experiment: str,
    folder: Path,
    *,
    chain_id: str | None = None,
    patience: float = _PATIENCE_S,
    leave: Path | None = None,
) -> Tracker:
    """Begin to track a chain, or go on with it.

    Nothing here waits for MLflow: entries go through an outbox, and a server that is away gets
    them when it is back, from this process, from the next one that opens the same folder, or
    from `sync`.

    Args:
        uri: `mlflow.uri` of the config; `MLFLOW_TRACKING_URI` wins.
        experiment: Name of the MLflow experiment.
        folder: Folder of the outbox, inside the experiment directory.
        chain_id: What ties the chain's runs together across pods and retries; whoever knows
            that the chain is over calls `end`. None: an id that is kept in `folder`, and leaving
            ends the chain's run.
        patience: Most seconds that the end waits for a server that takes nothing.
        leave: Where the outbox is copied to if something is left in it then, for one that is lost
            with its pod: a folder inside what the stage puts out.
    """
    # In this thread: an import beside TensorFlow's in another could see half of a module.
    client.prepare()
    outbox = Outbox(folder)
    before = outbox.address
    known = chain_id or (before.chain_id if before else uuid.uuid4().hex[:16])
    outbox.address = address = Address(uri, experiment, known, shared=chain_id is not None)
    server = effective(uri).startswith(("http://", "https://"))
    return Tracker(outbox, address, patience if server else _LOCAL_PATIENCE_S, leave)


def flatten(values: Mapping[str, Any] | Sequence[Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted path; empty ones are left out.

    The items of a list of mappings are numbered from 0; any other list is a value.
    """
    flat: dict[str, Any] = {}
    items = values.items() if isinstance(values, Mapping) else enumerate(values)
    for key, value in items:
        path = f"{prefix}{key}"
        nested = isinstance(value, list) and value and isinstance(value[0], Mapping)
        if isinstance(value, Mapping) or nested:
            flat |= flatten(value, f"{path}.")
        elif value is not None and value not in ([], {}, ()):
            flat[path] = value
    return flat


def _status(error: BaseException) -> str:
    preempted = isinstance(error, PoselineError) and error.exit_code == _STOPPED
    stopped = isinstance(error, SystemExit) and error.code in stopping.EXIT_CODES
    interrupted = isinstance(error, KeyboardInterrupt)
    return "KILLED" if preempted or stopped or interrupted else "FAILED"
