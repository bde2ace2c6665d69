"""One worker of a training that several processes share; `train_workers` starts it.

It reads its `Request` from standard input, and ends when that is closed. To standard output it
writes an `Event` a line. `TF_CONFIG` says which worker it is.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from poseline import log, progress
from poseline.config.models.config import Config
from poseline.errors import PoselineError, storage_error
from poseline.garbage import collect_seldom
from poseline.tensorflow_import import import_tensorflow_lean
from poseline.training.cluster import Cluster

_NEVER_S = 1e6


class Request(BaseModel):
    """What a worker does: the arguments of `stages.train.run`.

    Attributes:
        config: The config's normal form, as JSON.
        inputs: As `run` gets them.
        out: As `run` gets it.
        logs: As `run` gets it.
        checkpoint: As `run` gets it.
    """

    config: str
    inputs: dict[str, Path]
    out: Path
    logs: Path | None
    checkpoint: str | None


class Event(BaseModel):
    """What a worker tells: an epoch that is kept, its end, or why it cannot do its work.

    Attributes:
        epoch: The epoch from 0.
        figures: The epoch's figures.
        done: Whether the training is finished.
        error: What is wrong.
        remedy: What the user can do about it.
        code: Exit code of the error.
    """

    epoch: int | None = None
    figures: dict[str, float] = {}
    done: bool = False
    error: str | None = None
    remedy: str = ""
    code: int = 1


def main() -> None:
    """Work, and end the process: the services of TensorFlow's group would keep it."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no event
    log.configure()
    collect_seldom()
    import_tensorflow_lean()
    request = Request.model_validate_json(sys.stdin.readline())
    launcher = threading.Thread(target=_leave_with_launcher, daemon=True)
    launcher.start()
    code = _work(request, lambda event: _tell(events, event))
    sys.stderr.flush()
    os._exit(code)


def _work(request: Request, tell: Callable[[Event], None]) -> int:
    cluster = Cluster.from_environment()
    silent = cluster is not None and cluster.share.index > 0
    with progress.silence_explained(_NEVER_S if silent else progress.SILENCE_S):
        try:
            with progress.doing("loading the libraries"):
                from poseline.stages import train
            train.run(
                Config.model_validate_json(request.config),
                request.inputs,
                request.out,
                logs=request.logs,
                on_epoch=lambda epoch, figures: tell(Event(epoch=epoch, figures=dict(figures))),
                checkpoint=request.checkpoint,
                cluster=cluster,
            )
        except (PoselineError, OSError) as found:
            error = storage_error(found) if isinstance(found, OSError) else found
            tell(Event(error=error.message, remedy=error.remedy, code=error.exit_code))
            return error.exit_code
        except Exception as error:  # the process has nobody else to report to
            traceback.print_exc()
            first = (str(error).splitlines() or [""])[0]
            tell(Event(error=f"{type(error).__name__}: {first}"))
            return 1
    tell(Event(done=True))
    return 0


def _tell(events: TextIO, event: Event) -> None:
    events.write(event.model_dump_json(exclude_defaults=True) + "\n")
    events.flush()


def _leave_with_launcher() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
