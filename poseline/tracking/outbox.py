"""What is to be tracked, on disk before it goes anywhere.

A log call appends a line here and returns. Whatever becomes of the server, the network or this
process, the line stays until it is delivered.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from poseline.errors import StoreError
from poseline.masking import mask, masked
from poseline.store.manifest import write_atomic

Kind = Literal["start", "params", "metrics", "tags", "artifact", "model", "end"]
_ADDRESS = "address.json"
CHAIN = "chain"
"""Name of the run that a chain's stages are nested in."""


@dataclass(frozen=True)
class Address:
    """Where an outbox is delivered to.

    Attributes:
        uri: `mlflow.uri` of the config.
        experiment: Name of the MLflow experiment.
        chain_id: What ties the runs of a chain together, across processes, pods and retries.
        shared: Whether other outboxes have entries of the same chain.
    """

    uri: str
    experiment: str
    chain_id: str
    shared: bool = False


@dataclass(frozen=True)
class Entry:
    """One thing to track.

    Attributes:
        run: The stage's name, or `CHAIN`.
        kind: What it is.
        time: When it was logged, in ms since 1970; part of a metric's identity.
        values: `params`, `metrics`, `tags`: name to value; `artifact`: `path` and `role`;
            `model`: also `final`; `end`: `status`.
        step: Step of `metrics`.
    """

    run: str
    kind: Kind
    time: int
    values: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0


class Outbox:
    """A journal of entries and how much of it was delivered.

    Args:
        folder: Its folder; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._journal, self._mark = folder / "journal.jsonl", folder / "delivered"
        self._rejected, self._address = folder / "rejected.jsonl", folder / _ADDRESS
        self._known: Address | None = None

    @property
    def address(self) -> Address | None:
        """Where it goes; None where nobody has said so yet.

        Another process finds it without credentials, which `places.tracking_uri` then takes from
        MLflow's environment variables.

        Raises:
            StoreError: The file is damaged.
        """
        try:
            found = Address(**json.loads(self._address.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self._address} is damaged: {error}", "remove it") from None
        return self._known if self._known and found == _shown(self._known) else found

    @address.setter
    def address(self, address: Address) -> None:
        self._known = address
        write_atomic(self._address, json.dumps(asdict(_shown(address)), indent=1) + "\n")

    def add(self, entry: Entry) -> None:
        """Append an entry; secrets in parameters and tags are hidden.

        Raises:
            OSError: The disk does not take it.
        """
        if entry.kind in ("params", "tags"):
            entry = replace(entry, values=masked(entry.values))
        line = json.dumps(asdict(entry)).encode() + b"\n"
        with self._journal.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a line that a dying process left torn
                    line = b"\n" + line
            file.write(line)

    def pending(self) -> list[tuple[Entry, int]]:
        """Return what is not delivered yet, each with the mark to set when it is."""
        if not self._journal.is_file():
            return []
        with self._journal.open("rb") as file:
            place = file.seek(self._delivered())
            found = []
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                place += len(line)
                if entry := _parsed(line):
                    found.append((entry, place))
        return found

    def mark(self, place: int) -> None:
        """Set how far the journal is delivered."""
        write_atomic(self._mark, str(place), durable=False)

    def copy(self, folder: Path) -> Path:
        """Copy what an outbox is made of, without the models that wait in it; return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in (self._address, self._journal, self._mark):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
        return folder

    def reject(self, entry: Entry, reason: str) -> None:
        """Keep an entry that the server will never take, with its reason."""
        with self._rejected.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"reason": mask(reason), **asdict(entry)}) + "\n")

    @contextmanager
    def delivering(self, wait: float = 0.0) -> Iterator[bool]:
        """Return whether this process may deliver: one at a time does.

        Args:
            wait: Most seconds to wait for the one that does.
        """
        end = time.monotonic() + wait
        with (self.folder / "lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() < end:
                        time.sleep(0.05)
                        continue
                    yield False
                else:
                    yield True
                return

    def _delivered(self) -> int:
        try:
            return int(self._mark.read_text())
        except (FileNotFoundError, ValueError):
            return 0  # a second delivery changes nothing


def outboxes(folder: Path) -> list[Path]:
    """Return the outboxes in a folder; it may be one itself."""
    return sorted(path.parent for path in folder.rglob(_ADDRESS))


def _shown(address: Address) -> Address:
    return replace(address, uri=mask(address.uri))


def _parsed(line: bytes) -> Entry | None:
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None  # torn or blank
