"""A training's checkpoint elsewhere, so that another node goes on where this one was lost."""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from poseline import store
from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.retry import retrying
from poseline.store.manifest import FileEntry, entries, sha256_of
from poseline.store.removal import remove

POINTER = "current.json"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_ASK_S = 120.0
"""How long a start asks a storage that does not answer what it has: to begin anew by mistake would
cost the whole training."""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Identity:
    """What a checkpoint is of; only the same training goes on with it.

    Attributes:
        config_hash: Hash of the train slice.
        inputs: Name of each input to its content hash.
    """

    config_hash: str
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class _Stored:
    """What the pointer says: the one object that makes a checkpoint whole.

    Attributes:
        epoch: Epochs that are done.
        config_hash: See `Identity`.
        inputs: See `Identity`.
        keys: Name of each file to its name in the storage.
        files: Name of each file to its checksum and size.
    """

    epoch: int
    config_hash: str
    inputs: dict[str, str]
    keys: dict[str, str]
    files: dict[str, FileEntry]


class RemoteCheckpoint:
    """Sends the files of each epoch to a folder elsewhere, in the background.

    An epoch's files go up under names of their own; then the pointer, a small object, names them;
    then what it no longer names is removed. So what is there is always one whole checkpoint. A
    storage that is away is asked again and again, with the newest epoch, and fails no training.

    Args:
        uri: The folder, on S3 or on a disk that nodes share.
        identity: The training.
        work: A folder of its own on the disk of the training's files, removed by `close`.
    """

    def __init__(self, uri: str, identity: Identity, work: Path) -> None:
        self._uri, self._identity, self._work = uri.rstrip("/"), identity, work
        self._attempt = uuid.uuid4().hex[:8]
        self._stored: _Stored | None = None
        self._offered: tuple[int, Path] | None = None
        self._changed = threading.Condition()
        self._hurry, self._given_up = threading.Event(), threading.Event()
        self._closing = self._reported = False
        self._thread = threading.Thread(target=self._send_all, name="mirror", daemon=True)

    def restore(self, out: Path, last: str, done: int) -> bool:
        """Take the checkpoint that is there, where it is this training's and further on.

        Args:
            out: Folder of the training's files.
            last: The file that a training goes on from; it is put in place last.
            done: Epochs that the files in `out` have; 0 where there are none.

        Returns:
            Whether the files in `out` are those of the checkpoint now.

        Raises:
            StoreError: The storage does not answer.
        """
        shutil.rmtree(self._work, ignore_errors=True)
        patiently = retrying(StoreError, seconds=_ASK_S)
        stored = patiently(self._read)()
        if stored is None:
            return False
        if Identity(stored.config_hash, stored.inputs) != self._identity:
            changed = "its inputs" if stored.config_hash == self._identity.config_hash else "config"
            _log.warning("the checkpoint is another training's", uri=self._uri, differs=changed)
            return False
        self._stored = stored
        if stored.epoch <= done:
            return False
        fetched: dict[str, Path] = {}
        for name in stored.keys:
            if path := patiently(self._fetch)(stored, name):
                fetched[name] = path
        if len(fetched) < len(stored.keys):
            _log.warning("the checkpoint is damaged; the training begins anew", uri=self._uri)
            return False
        out.mkdir(parents=True, exist_ok=True)
        for name in sorted(fetched, key=lambda name: name == last):
            work = out / f".{name}.partial"
            shutil.copyfile(fetched[name], work)
            work.replace(out / name)
        _log.info("goes on from a checkpoint", uri=self._uri, epoch=stored.epoch)
        return True

    def offer(self, epoch: int, out: Path, names: list[str]) -> None:
        """Have the files of an epoch sent; returns at once.

        Args:
            epoch: Epochs that are done.
            out: Their folder; each file is replaced and never written to.
            names: The files.
        """
        kept = self._work / f"{epoch:05d}"
        kept.mkdir(parents=True, exist_ok=True)
        for name in names:
            _link(out / name, kept / name)
        with self._changed:
            before, self._offered = self._offered, (epoch, kept)
            self._changed.notify()
        if before:  # the storage is slower than the training
            shutil.rmtree(before[1], ignore_errors=True)
        if self._thread.ident is None:
            self._thread.start()

    def close(self, patience: float) -> bool:
        """Wait until the last epoch is there, at most `patience` seconds; return whether it is."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._hurry.set()
        if self._thread.ident is not None:
            self._thread.join(patience)
        self._given_up.set()
        done = not self._thread.is_alive()
        if not done:
            _log.warning("the checkpoint of the last epoch is not there", uri=self._uri)
        shutil.rmtree(self._work, ignore_errors=True)
        return done

    def _send_all(self) -> None:
        wait = _FIRST_WAIT_S
        while offered := self._next():
            epoch, kept = offered
            try:
                self._send(epoch, kept)
            except Exception as error:  # StoreError, OSError, whatever a storage comes up with
                self._later(epoch, kept, error)
                self._hurry.wait(wait)
                wait = _FIRST_WAIT_S if self._hurry.is_set() else min(2 * wait, _LONGEST_WAIT_S)
                if self._given_up.wait(_FIRST_WAIT_S if self._hurry.is_set() else 0):
                    return
                continue
            if self._reported:
                _log.info("the checkpoint's storage is back", epoch=epoch)
            wait, self._reported = _FIRST_WAIT_S, False
            shutil.rmtree(kept, ignore_errors=True)

    def _next(self) -> tuple[int, Path] | None:
        """Wait for an epoch to send; None where no more will come."""
        with self._changed:
            while self._offered is None and not self._closing:
                self._changed.wait()
            offered, self._offered = self._offered, None
            return offered

    def _later(self, epoch: int, kept: Path, error: Exception) -> None:
        """Put an epoch back that could not be sent, unless a newer one is there."""
        if not self._reported:
            _log.warning("the checkpoint waits for its storage", reason=_brief(error))
        self._reported = True
        with self._changed:
            if self._offered is None:
                self._offered = epoch, kept
                return
        shutil.rmtree(kept, ignore_errors=True)

    def _send(self, epoch: int, kept: Path) -> None:
        names = sorted(path.name for path in kept.iterdir())
        files, before = entries(kept, names), self._stored
        keys = {}
        for name in names:
            if before and before.files.get(name) == files[name]:
                keys[name] = before.keys[name]  # the best model, most of the time
                continue
            keys[name] = f"{epoch:05d}-{self._attempt}-{name}"
            store.publish(kept / name, f"{self._uri}/{keys[name]}", progress=False)
        inputs = dict(self._identity.inputs)
        stored = _Stored(epoch, self._identity.config_hash, inputs, keys, files)
        pointer = self._work / POINTER
        pointer.write_text(json.dumps(asdict(stored), indent=1), encoding="utf-8")
        store.publish(pointer, f"{self._uri}/{POINTER}", progress=False)
        self._stored = stored
        for old in set(before.keys.values()) - set(keys.values()) if before else ():
            remove(f"{self._uri}/{old}")

    def _read(self) -> _Stored | None:
        place = f"{self._uri}/{POINTER}"
        if not store.exists(place):
            return None
        try:
            data = json.loads(store.fetch(place, progress=False).read_bytes())
            data["files"] = {name: FileEntry(**entry) for name, entry in data["files"].items()}
            return _Stored(**data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            _log.warning("no checkpoint can be read", uri=place, reason=_brief(error))
            return None

    def _fetch(self, stored: _Stored, name: str) -> Path | None:
        """Return a file of a checkpoint; None where it is not what the pointer says."""
        place = f"{self._uri}/{stored.keys[name]}"
        if not store.exists(place):
            return None
        path = store.fetch(place, progress=False)
        return path if sha256_of(path) == stored.files[name].sha256 else None


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
