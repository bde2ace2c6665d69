"""Why a chain failed, kept at its run: Kubeflow's API knows that a task failed, and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from poseline.errors import PoselineError
from poseline.masking import mask
from poseline.names import TAG_ERROR, TAG_EXIT_CODE, TAG_FAILED_TASK, TAG_REMEDY

_LONGEST = 2000


@dataclass(frozen=True)
class Failure:
    """The error that a task ended with.

    Attributes:
        task: Name of the task.
        message: What is wrong and where.
        remedy: What can be done about it; may be empty.
        exit_code: The exit code of the error, as of the command line; Kubeflow shows 1 for all.
    """

    task: str
    message: str
    remedy: str = ""
    exit_code: int = 1

    @classmethod
    def of(cls, task: str, error: BaseException) -> Failure:
        """Return the failure that an error is, without secrets."""
        if isinstance(error, PoselineError):
            return cls(task, fitting(error.message), fitting(error.remedy), error.exit_code)
        return cls(task, fitting(f"{type(error).__name__}: {error}"))

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Failure | None:
        """Return the failure that the tags of a chain's run describe; None: there is none."""
        if not (message := tags.get(TAG_ERROR)):
            return None
        code = tags.get(TAG_EXIT_CODE, "")
        return cls(
            tags.get(TAG_FAILED_TASK, ""),
            message,
            tags.get(TAG_REMEDY, ""),
            int(code) if re.fullmatch(r"[0-9]{1,3}", code) else 1,
        )

    @property
    def tags(self) -> dict[str, str]:
        """It, as tags of the chain's run in MLflow."""
        return {
            TAG_FAILED_TASK: self.task,
            TAG_ERROR: self.message,
            TAG_REMEDY: self.remedy,
            TAG_EXIT_CODE: str(self.exit_code),
        }

    def __str__(self) -> str:
        text = f"{self.task}: {self.message}" if self.task else self.message
        return f"{text}\n  → {self.remedy}" if self.remedy else text


def fitting(text: str) -> str:
    """Return a text without secrets, cut to what MLflow takes."""
    return mask(text)[:_LONGEST]
