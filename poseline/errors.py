"""One tree of errors; each carries its remedy and the exit code the CLI ends with."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass

from poseline.masking import mask

GATE_NOT_PASSED = 7
"""Exit code of a chain that did its work, and whose model is not good enough: no error."""
EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "failed",
    2: "config or command line",
    3: "data",
    4: "model",
    5: "storage",
    6: "outside tool",
    GATE_NOT_PASSED: "the model did not pass the gate",
    8: "canceled",
    75: "another worker of the training is gone",
    129: "its terminal was closed",
    130: "interrupted",
    143: "stopped by SIGTERM",
}
"""Every exit code of the command line and of a task, and what it stands for."""


class PoselineError(Exception):
    """What went wrong, and how to fix it.

    Secrets in its text are hidden.

    Attributes:
        message: What is wrong and where.
        remedy: What the user can do about it; empty where nothing can be advised.
        exit_code: The code that the CLI exits with.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message, self.remedy = mask(message), mask(remedy)
        super().__init__(self.message)

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

    def __post_init__(self) -> None:
        for name in ("path", "found", "accepted", "hint"):
            object.__setattr__(self, name, mask(getattr(self, name)))

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
    """A URI cannot be read or written, or a file does not match its checksum."""

    exit_code = 5


class StoreAwayError(StoreError):
    """The storage does not answer at the moment; another attempt may succeed."""


class BackendError(PoselineError):
    """A tool or service outside of poseline is missing or refused a request."""

    exit_code = 6


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDIES = {
    errno.ENOSPC: "make room there, or choose a place on another disk",
    errno.EDQUOT: "your quota is used up: make room, or choose a place on another disk",
    errno.EFBIG: "the file system or a limit (`ulimit -f`) allows no file of that size",
    errno.EROFS: "it is mounted read-only: choose another place",
    errno.EACCES: "check who may read and write there (`ls -ld`), or choose another place",
    errno.EPERM: "check who may change it (`ls -ld`, `lsattr`), or choose another place",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of the path is a file: choose another path",
    errno.EISDIR: "it is a folder: give the name of a file",
    errno.EEXIST: "something else is there: choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EINVAL: "the file system does not allow it; choose another name or place",
    errno.EILSEQ: "the file system does not allow such a name; choose another",
    errno.ELOOP: "a link leads back to itself: check it with `readlink`",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "the machine has too many files open; close programs or raise fs.file-max",
    errno.ENOMEM: "the machine has too little memory: close programs, or do less at once",
    errno.EXDEV: "it is on another disk: choose a place on the same one",
    errno.EBUSY: "it is in use, or a disk is mounted there: choose another place",
    errno.ENOTEMPTY: "something was put there in the meantime: check it, then try again",
    errno.EIO: "the disk is failing: check the system log (`dmesg`)",
    errno.ESTALE: "the network drive changed: mount it again",
}


def storage_error(error: OSError) -> StoreError:
    """Return what the operating system refused as an error with the path and a remedy."""
    paths = [
        os.fsdecode(p) for p in (error.filename, error.filename2) if isinstance(p, str | bytes)
    ]
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _NO_ROOM:
        reason = "there is no room on the disk" + (f" ({reason})" if error.strerror else "")
    text = f"{' → '.join(paths)}: {reason}" if paths else reason
    return StoreError(text, _REMEDIES.get(error.errno or 0, ""))
