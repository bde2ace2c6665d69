"""train with several processes on this machine: starts them, follows them, starts them again."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, NoReturn

from pydantic import ValidationError

from poseline.config.models.config import Config
from poseline.errors import BackendError, ConfigError, PoselineError, Problem
from poseline.log import get_logger
from poseline.stages.result import Inputs, StageResult
from poseline.stages.train_worker import Event, Request
from poseline.training.cluster import LOST, VARIABLE, Cluster
from poseline.training.preemption import GRACE_S, TrainingInterruptedError

RESTARTS = 3
"""How often the workers are started again without an epoch in between."""
_REASONS_S = 3.0
"""How long, once a worker has ended, the others may still say why."""
_TAIL = 20
_ABSENT = (LOST, TrainingInterruptedError.exit_code)
"""How a worker ends that could do its work: without another one, or told to stop by somebody."""
_log = get_logger(__name__)

OnEpoch = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class _Ended:
    """The end of a worker's process; negative codes are signals."""

    code: int


@dataclass(frozen=True)
class _Stop:
    """SIGTERM to this process."""


_Message = tuple[int, Event | _Ended | _Stop]


def run(
    config: Config,
    inputs: Inputs,
    out: Path,
    *,
    workers: int,
    logs: Path | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | None = None,
) -> StageResult:
    """Train a model with several processes, each on its share of every batch.

    The number of workers changes nothing in what is learned, up to rounding. When a worker is
    lost, all start again from the last epoch that is kept.

    Args:
        config: As `train.run` gets it, and so are the others.
        inputs: See there.
        out: See there.
        workers: How many; each takes a GPU of its own where there are GPUs.
        logs: See there.
        on_epoch: See there; what it raises ends the workers.
        checkpoint: See there.

    Raises:
        BackendError: Workers were lost again and again.
        TrainingInterruptedError: SIGTERM came; the checkpoint of the last epoch is kept.
        PoselineError: As `train.run`, with the message of the worker that failed.
    """
    _check(config, workers)
    request = Request(
        config=config.model_dump_json(),
        inputs={name: path.absolute() for name, path in inputs.items()},
        out=out.absolute(),
        logs=logs.absolute() if logs else None,
        checkpoint=checkpoint,
    )
    left, epochs = RESTARTS, -1
    while True:
        with _Workers(workers, request, config.general.deterministic_ops) as group:
            group.start()
            lost, reached = group.follow(on_epoch, epochs)
        if lost is None:
            return StageResult.load(out)
        left = RESTARTS if reached > epochs else left - 1
        epochs = max(reached, epochs)
        if left < 0:
            raise BackendError(
                f"{lost}; {RESTARTS} restarts have not got beyond epoch {epochs + 1}",
                "see the log above; fewer --workers need less memory. The same command goes on "
                "from the last epoch",
            )
        _log.warning(
            "a worker was lost; all start again from the last epoch",
            reason=lost,
            epoch=epochs + 1,
            restarts_left=left,
        )


def _check(config: Config, workers: int) -> None:
    most = config.training.batch_size if config.training else 1
    if not 1 <= workers <= most:
        hint = "each takes a part of every batch: training.batch_size"
        raise ConfigError(
            [Problem("--workers", str(workers), f"1 to {most}", hint)], "command line"
        )


class _Workers:
    """The processes of one attempt; none outlives the block."""

    def __init__(self, count: int, request: Request, deterministic: bool) -> None:
        self._count, self._request, self._deterministic = count, request, deterministic
        self._messages: SimpleQueue[_Message] = SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._listeners: list[threading.Thread] = []
        self._stderr: list[IO[bytes]] = []

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()  # TensorFlow's service ignores SIGTERM
        for process in self._processes:
            process.wait()
        for listener in self._listeners:
            listener.join()
        for process, stderr in zip(self._processes, self._stderr, strict=True):
            if process.stdin:
                process.stdin.close()
            stderr.close()

    def start(self) -> None:
        """Start the processes."""
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(self._count)]
        for index in range(self._count):
            self._start(index, addresses)

    def follow(self, on_epoch: OnEpoch | None, known: int) -> tuple[str | None, int]:
        """Follow the workers to their end.

        Args:
            on_epoch: Called with each epoch after `known`.
            known: The last epoch that was told before.

        Returns:
            What became of a worker that was lost, or None where the training is finished; and the
            last epoch that is kept.

        Raises:
            TrainingInterruptedError: As `run`.
            PoselineError: A worker cannot do its work.
        """
        ended: dict[int, int] = {}
        end = math.inf
        with self._stopped():
            while len(ended) < self._count:
                try:
                    patience = end - time.monotonic()
                    waits = None if math.isinf(patience) else max(patience, 0)
                    index, message = self._messages.get(timeout=waits)
                except Empty:
                    break
                if isinstance(message, _Stop):
                    self._raise_interrupted()
                if isinstance(message, _Ended):
                    ended[index] = message.code
                    end = min(end, time.monotonic() + _REASONS_S)
                    continue
                if message.error is not None and message.code not in _ABSENT:
                    raise _error(message)
                if message.done and index == 0:
                    return None, known
                if message.epoch is not None and message.epoch > known:
                    known = message.epoch
                    if on_epoch:
                        on_epoch(known, message.figures)
        return self._lost(ended), known

    def _start(self, index: int, addresses: list[str]) -> None:
        environment = os.environ | {
            VARIABLE: Cluster.of(addresses, index).model_dump_json(exclude_defaults=True)
        }
        if environment.get("TF_CPP_MIN_LOG_LEVEL") == "2":  # ours; what a loss does is said here
            environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
        if not self._deterministic:
            threads = max((os.cpu_count() or 1) // len(addresses), 1)
            environment.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        stderr = tempfile.TemporaryFile() if index else os.fdopen(os.dup(2), "wb")  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-m", "poseline.stages.train_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is this process's alone
        )
        self._processes.append(process)
        self._stderr.append(stderr)
        with suppress(BrokenPipeError):
            assert process.stdin  # noqa: S101  a pipe was asked for
            process.stdin.write(self._request.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        listener = threading.Thread(target=self._listen, args=(index, process), daemon=True)
        listener.start()
        self._listeners.append(listener)

    def _listen(self, index: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout  # noqa: S101  a pipe was asked for
        with process.stdout as events:
            for line in events:
                with suppress(ValidationError):  # half a line, of one that was killed
                    self._messages.put((index, Event.model_validate_json(line)))
        self._messages.put((index, _Ended(process.wait())))

    def _lost(self, ended: Mapping[int, int]) -> str:
        """Say what became of the worker that was lost first; those that miss it tell nothing."""
        index = min(ended, key=lambda i: (ended[i] == LOST, ended[i] >= 0, i))
        code = ended[index]
        if code < 0:
            what = f"was ended by {signal.Signals(-code).name}"
            return f"worker {index} {what}" + (" (memory?)" if code == -signal.SIGKILL else "")
        if index:
            self._stderr[index].seek(0)
            tail = self._stderr[index].read().decode(errors="replace").splitlines()[-_TAIL:]
            sys.stderr.write("\n".join([f"The last lines of worker {index}:", *tail, ""]))
        return f"worker {index} ended with code {code}"

    def _raise_interrupted(self) -> NoReturn:
        """Let the chief end its epoch and send what there is, within the grace period."""
        chief = self._processes[0]
        for process in self._processes:
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            chief.wait(GRACE_S - 2)
        raise TrainingInterruptedError(
            "stopped by SIGTERM", "run the same command again; it goes on from its checkpoint"
        )

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        """Have SIGTERM come as a message."""

        def stop(*_: Any) -> None:
            self._messages.put((0, _Stop()))

        try:
            before = signal.signal(signal.SIGTERM, stop)
        except ValueError:  # signals can be set in the main thread alone
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def _error(event: Event) -> PoselineError:
    error = PoselineError(event.error or "", event.remedy)
    error.exit_code = event.code
    return error


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
