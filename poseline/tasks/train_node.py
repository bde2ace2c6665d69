"""A node of a training on several nodes: what its pod runs, as `training_nodes` asks for it.

The training itself is a process of its own. So the pod can say what became of it, and the first
node puts the models away while the services that TensorFlow needs of the others end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import BaseModel, Field, ValidationError, model_validator

from poseline import log, store
from poseline.config.loading.slices import from_slice
from poseline.errors import ConfigError, PoselineError, Problem, StoreError, storage_error
from poseline.runner.step import local_input
from poseline.stages import train_worker
from poseline.stages.train_worker import Event
from poseline.tasks.errors import retry_storage
from poseline.tasks.parameters import read_slice
from poseline.trainer.messages import (
    INDEX,
    JOB,
    NODES,
    REQUEST,
    Epoch,
    Failure,
    Request,
)
from poseline.training.cluster import LOST, VARIABLE, Cluster

ADDRESSES = "POSELINE_TRAIN_ADDRESSES"
"""Environment variable with host:port of every node, by commas; else Trainer's names are used."""
TERMINATION = "POSELINE_TERMINATION_MESSAGE"
"""Environment variable with the file of the container's last message; else Kubernetes' own."""
PORT = 29500
"""Port of every node, as Trainer has it."""
_STOPPED = 143


class Node(BaseModel):
    """What a node reads from its environment.

    Attributes:
        job: Name of the TrainJob.
        nodes: How many nodes there are.
        index: Which one this is; 0 is the one that writes.
        request: What is to be done.
        addresses: Where the nodes are.
    """

    job: Annotated[str, Field(alias=JOB, min_length=1)]
    nodes: Annotated[int, Field(alias=NODES, ge=2)]
    index: Annotated[int, Field(alias=INDEX, ge=0)]
    request: Annotated[str, Field(alias=REQUEST)]
    addresses: Annotated[str, Field(alias=ADDRESSES)] = ""

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Node:
        if self.index >= self.nodes:
            raise ValueError(f"{INDEX} must be below {NODES}")
        return self

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> tuple[Node, Request]:
        """Read the environment.

        Raises:
            ConfigError: It is not that of a node.
        """
        try:
            node = cls.model_validate(dict(environment))
            return node, Request.model_validate_json(node.request)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "environment"
            problem = Problem(where, first["msg"], "what the train task sets")
            raise ConfigError([problem], "the environment") from None

    @property
    def cluster(self) -> Cluster:
        """Where the nodes are, as TensorFlow reads it."""
        named = self.addresses.split(",") if self.addresses else addresses(self.job, self.nodes)
        return Cluster.of(named, self.index)


def addresses(job: str, nodes: int) -> list[str]:
    """Return host:port of the nodes of a TrainJob, as its JobSet names them."""
    return [f"{job}-node-0-{index}.{job}:{PORT}" for index in range(nodes)]


def main() -> NoReturn:
    """Train; the exit code is that of the error, and the container's last message says why."""
    log.configure()
    # The first process of a container ignores what it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))
    try:
        code = _run()
    except (PoselineError, OSError) as fault:
        error = storage_error(fault) if isinstance(fault, OSError) else fault
        sys.stderr.write(f"{error}\n")
        _leave(error)
        code = error.exit_code
    sys.exit(code)


def _run() -> int:
    node, request = Node.read(os.environ)
    config = from_slice(read_slice(request.config))
    given = {k: retry_storage(local_input)(uri) for k, uri in request.inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "train"
        asked = train_worker.Request(
            config=config.model_dump_json(),
            inputs=given,
            out=out,
            logs=None,
            checkpoint=request.checkpoint,
        )
        code = _train(asked, node.cluster)
        if code == 0 and node.index == 0:
            retry_storage(store.publish)(out, request.result)
    return code


def _train(request: train_worker.Request, cluster: Cluster) -> int:
    """Run the training and tell on what it tells; return its exit code.

    Raises:
        PoselineError: What the training ended with.
    """
    told = cluster.model_dump_json(exclude_defaults=True)
    with subprocess.Popen(
        [sys.executable, "-m", "poseline.stages.train_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {VARIABLE: told},
    ) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        assert process.stdin and process.stdout  # noqa: S101  pipes were asked for
        try:
            process.stdin.write(request.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                event = Event.model_validate_json(line)
                if event.done:
                    return 0
                _tell(event)
            return _code(process.wait())
        finally:
            process.kill()  # TensorFlow's services outlive their work
            signal.signal(signal.SIGTERM, before)


def _tell(event: Event) -> None:
    if event.error is not None:
        error = PoselineError(event.error, event.remedy)
        error.exit_code = event.code
        raise error
    if event.epoch is not None:
        line = Epoch(finished_epoch=event.epoch, figures=event.figures).model_dump_json()
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _code(ended: int) -> int:
    """Return the exit code of a training that said nothing; a signal's is 128 and its number."""
    return ended if ended >= 0 else 128 - ended


def _leave(error: PoselineError) -> None:
    """Leave why the node ends, unless it misses another one or is asked to end."""
    if error.exit_code in (LOST, _STOPPED):
        return
    told = Failure(error=error.message[:1500], remedy=error.remedy[:500], code=error.exit_code)
    path = Path(os.environ.get(TERMINATION, "/dev/termination-log"))
    try:
        path.write_text(told.model_dump_json(), encoding="utf-8")
    except OSError as refused:
        sys.stderr.write(f"{StoreError(str(refused))}\n")


if __name__ == "__main__":
    main()
