"""One process at a time writes at a place; the second one is told who holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from poseline.errors import StoreError

_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held: set[Path] = set()
_guard = threading.Lock()


@contextmanager
def locked(file: Path, what: Path) -> Iterator[None]:
    """Hold a lock file, which goes at the end.

    The kernel drops the lock with its process, so a stale file does no harm; it is a POSIX lock,
    since children that are forked do not inherit one. Such a lock does not keep threads apart; a
    set of what this process holds does.

    Args:
        file: The lock file; its folder is there.
        what: What it protects, for the message.

    Raises:
        StoreError: Another process or thread holds it.
    """
    file = Path(os.path.realpath(file))
    with _guard:
        if file in _held:
            raise _busy(what, f"process {os.getpid()}, this one")
        _held.add(file)
    try:
        descriptor = _acquire(file, what)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
            os.close(descriptor)
    finally:
        _held.discard(file)


def holder(file: Path) -> str | None:
    """Return who holds a lock file, in words; None: nobody does.

    Args:
        file: The lock file, there or not.
    """
    file = Path(os.path.realpath(file))
    if file in _held:
        return f"process {os.getpid()}, this one"
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return None
        named = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
        return named or "another process"
    finally:
        os.close(descriptor)
    return None


def _acquire(file: Path, what: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
            if error.errno in (errno.EACCES, errno.EAGAIN):
                os.close(descriptor)
                raise _busy(what, holder or "another process") from None
            if error.errno not in _WITHOUT_LOCKS:
                os.close(descriptor)
                raise
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _me().encode(), 0)
                return descriptor
        os.close(descriptor)  # whoever held it removed it in between


def _me() -> str:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:2]])[:200]
    host = os.uname().nodename
    return f"process {os.getpid()} on {host} (`{command}`), since {datetime.now():%H:%M:%S}\n"


def _busy(what: Path, holder: str) -> StoreError:
    return StoreError(
        f"{what} is being written by {holder}",
        "wait until that has ended, or choose another place",
    )
