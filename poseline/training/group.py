"""The processes that train one model together, each on its share of every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from poseline.data.share import WHOLE, Share
from poseline.errors import BackendError, ConfigError, Problem
from poseline.progress import doing
from poseline.training.cluster import LOST, Cluster

_MISSED = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
"""What a sum ends with when another process of the group is gone."""


class WorkerLostError(BackendError):
    """Another worker of the training is gone; all go on from its checkpoint once they are back."""

    exit_code = LOST


@dataclass(frozen=True)
class Group:
    """Workers that learn the same: what depends on a whole batch is summed over all of them.

    Every worker keeps all weights and applies the same update. A group of one sums nothing.

    Attributes:
        share: Which worker this is, of how many.
        strategy: What carries the sums; None in a group of one.
    """

    share: Share = WHOLE
    strategy: Any = None

    @property
    def chief(self) -> bool:
        """Whether this worker writes what the training leaves."""
        return self.share.index == 0

    @property
    def size(self) -> int:
        """How many workers there are."""
        return self.share.of

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Compute a function that may use `sum`."""
        return self.strategy.run(function, args) if self.strategy else function(*args)

    def sum(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the sums of tensors over the workers, in one exchange; gradients go through it.

        Args:
            tensors: All of one type, of the same shapes in each worker.
        """
        if not self.strategy:
            return list(tensors)
        flat = tf.concat([tf.reshape(t, [-1]) for t in tensors], 0)
        context = tf.distribute.get_replica_context()
        parts = tf.split(
            context.all_reduce("SUM", flat),
            [prod(t.shape) for t in tensors],  # known: none has the size of a batch
        )
        return [tf.reshape(p, t.shape) for p, t in zip(parts, tensors, strict=True)]

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of an array over the workers; the same bits in each."""
        if not self.strategy:
            return values
        tensor = tf.convert_to_tensor(values)
        return np.asarray(tf.function(lambda: self.run(lambda: self.sum([tensor])[0]))())

    def meet(self) -> None:
        """Wait until every worker is here."""
        self.total(np.zeros(1, np.float32))

    def hand_out(self, path: Path) -> None:
        """Write the chief's file `path` at this worker's `path`.

        Args:
            path: A file of the chief; in the others its folder is there.
        """
        if not self.strategy:
            return
        mine = path.read_bytes() if self.chief else b""
        size = int(self.total(np.array([len(mine)], np.float64))[0])
        # As whole numbers in float32, which every carrier sums without loss.
        content = np.zeros(size, np.float32)
        content[: len(mine)] = np.frombuffer(mine, np.uint8)
        whole = self.total(content).astype(np.uint8).tobytes()
        if not self.chief:
            path.write_bytes(whole)


ALONE = Group()


@contextmanager
def together(cluster: Cluster | None) -> Iterator[Group]:
    """Meet the other workers; at its end, the block waits for them.

    Enter it before anything is computed. A worker takes one GPU where its host has any.

    Args:
        cluster: As `TF_CONFIG` has it, which TensorFlow reads; None: this process trains alone.

    Raises:
        ConfigError: The host has GPUs, but fewer than workers.
        WorkerLostError: Another worker is gone.
    """
    if cluster is None:
        yield ALONE
        return
    _take_gpu(cluster.here)
    try:
        with doing("waiting for the other workers"):
            group = Group(cluster.share, tf.distribute.MultiWorkerMirroredStrategy())
            group.meet()
        yield group
        with doing("waiting for the other workers"):
            group.meet()
    except _MISSED as error:
        raise WorkerLostError(
            f"another worker is gone: {str(error).splitlines()[0]}",
            "start all workers again; they go on from the last epoch",
        ) from None


def _take_gpu(here: Share) -> None:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return
    if len(gpus) < here.of:
        raise ConfigError(
            [
                Problem(
                    "--workers",
                    str(here.of),
                    f"at most {len(gpus)}: each takes a GPU of its own",
                    "CUDA_VISIBLE_DEVICES=-1 trains on the CPU",
                )
            ],
            "command line",
        )
    tf.config.set_visible_devices(gpus[here.index], "GPU")
