"""Where the workers of a training are: `TF_CONFIG`, as TensorFlow and its operators write it."""

from __future__ import annotations

import json
import os
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from poseline.data.share import Share
from poseline.errors import ConfigError, Problem

VARIABLE = "TF_CONFIG"
LOST = 75
"""Exit code of a worker that misses another one: EX_TEMPFAIL of sysexits.h."""
_Address = Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")]


class _Task(BaseModel):
    type: Literal["chief", "worker"]
    index: Annotated[int, Field(ge=0)]


class _Addresses(BaseModel, extra="forbid"):
    chief: Annotated[list[_Address], Field(max_length=1)] = []
    worker: list[_Address] = []


class Cluster(BaseModel):
    """The workers of a training, and which of them this process is.

    Attributes:
        cluster: Their addresses as host:port, by task: at most one `chief`, then the `worker`s.
        task: This process.
    """

    cluster: _Addresses
    task: _Task

    @model_validator(mode="after")
    def _has_the_task(self) -> Self:
        count = len(getattr(self.cluster, self.task.type))
        if self.task.index >= count:
            raise ValueError(f"task.index must be below {count}, the {self.task.type}s there are")
        return self

    @classmethod
    def of(cls, addresses: list[str], index: int) -> Self:
        """Return the cluster of the workers at `addresses`, of which this process is `index`."""
        task = _Task(type="worker", index=index)
        return cls(cluster=_Addresses(worker=addresses), task=task)

    @classmethod
    def from_environment(cls) -> Self | None:
        """Read `TF_CONFIG`; None where it is not set, or names this process alone.

        Raises:
            ConfigError: It is not what TensorFlow reads.
        """
        text = os.environ.get(VARIABLE, "")
        try:
            if not text or not json.loads(text):
                return None
            found = cls.model_validate_json(text)
        except (ValidationError, ValueError, RecursionError) as error:
            raise ConfigError(
                [
                    Problem(
                        VARIABLE,
                        _reason(error),
                        '{"cluster": {"worker": ["host:port", …]}, '
                        '"task": {"type": "worker", "index": 0}}',
                        "one address for each worker, in the same order everywhere",
                    )
                ],
                "the environment",
                f"unset {VARIABLE} to train in this process alone",
            ) from None
        return found if found.share.of > 1 else None

    @property
    def share(self) -> Share:
        """Which worker this is; the first one is the chief."""
        index = self.task.index + (len(self.cluster.chief) if self.task.type == "worker" else 0)
        return Share(index, len(self._addresses))

    @property
    def here(self) -> Share:
        """Which one this is of the workers that share its host."""
        hosts = [address.rpartition(":")[0] for address in self._addresses]
        own = hosts[self.share.index]
        return Share(hosts[: self.share.index].count(own), hosts.count(own))

    @property
    def _addresses(self) -> list[str]:
        return [*self.cluster.chief, *self.cluster.worker]


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"]
    return "no JSON"
