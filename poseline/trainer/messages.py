"""What the train task and the nodes of its training tell each other."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

REQUEST = "POSELINE_TRAIN_REQUEST"
"""Environment variable of a node with its `Request`."""
JOB, NODES, INDEX = "POSELINE_TRAIN_JOB", "NUM_NODES", "JOB_COMPLETION_INDEX"
"""Environment variables of a node: the TrainJob, how many nodes there are, and which it is."""
_Text = Annotated[str, Field(max_length=4096)]


class Request(BaseModel):
    """What every node of a training does.

    Attributes:
        config: The slice of the stage train.
        inputs: Name to URI.
        checkpoint: URI of the folder that each epoch's models are sent to.
        result: URI of the folder that the first node puts the finished training to.
    """

    config: str
    inputs: dict[str, str]
    checkpoint: str
    result: str


class Epoch(BaseModel):
    """An epoch that is kept, as a line of the first node's log.

    Attributes:
        finished_epoch: The epoch from 0.
        figures: Its figures.
    """

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="constants")

    finished_epoch: Annotated[int, Field(ge=0)]
    figures: dict[str, float]

    @classmethod
    def read(cls, line: str) -> Self | None:
        """Return the epoch that a line tells of; None: it tells something else."""
        if not line.startswith('{"finished_epoch"'):
            return None
        try:
            return cls.model_validate_json(line)
        except ValidationError:
            return None


class Failure(BaseModel):
    """Why a node cannot do its work: the message that its container ends with.

    Attributes:
        error: What is wrong.
        remedy: What the user can do about it.
        code: Exit code of the error.
    """

    error: _Text
    remedy: _Text = ""
    code: Annotated[int, Field(ge=1, le=255)] = 1

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the failure that a termination message tells of; None: it tells something else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
