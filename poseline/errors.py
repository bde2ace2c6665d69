"""One tree of errors; each carries its remedy and the exit code the CLI ends with."""

from __future__ import annotations

from dataclasses import dataclass

GATE_NOT_PASSED = 7
"""Exit code of a chain that did its work, and whose model is not good enough: no error."""


class PoselineError(Exception):
    """What went wrong, and how to mend it.

    Attributes:
        message: What is wrong and where.
        remedy: What the user can do about it; empty where nothing can be advised.
        exit_code: The code that the CLI exits with.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.remedy}" if self.remedy else self.message


@dataclass(frozen=True)
class Problem:
    """One fault in a config: where it is (from 1), what was found, what is accepted."""

    path: str
    found: str
    accepted: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.path} (line {self.line})" if self.line else self.path
        text = f"{place}: found {self.found}; accepted: {self.accepted}"
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(PoselineError):
    """The YAML, an override or a command-line value is wrong; lists every fault at once."""

    exit_code = 2

    def __init__(self, problems: list[Problem], source: str = "config", remedy: str = "") -> None:
        self.problems = problems
        self.source = source
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in {source}"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{count}:\n{lines}", remedy)


class DataError(PoselineError):
    """A data set, an annotation file or a picture cannot be used."""

    exit_code = 3


class ModelError(PoselineError):
    """A model file is missing, unreadable or does not fit what the config declares."""

    exit_code = 4


class StoreError(PoselineError):
    """A URI cannot be read or written, or what came does not have the promised checksum."""

    exit_code = 5


class StoreAwayError(StoreError):
    """The storage does not answer, or not now: another attempt may."""


class BackendError(PoselineError):
    """A tool or service outside of poseline is missing or refused."""

    exit_code = 6
