"""What was fetched, once for each node: blobs by what they are, and folders of links to them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from poseline.errors import StoreError
from poseline.store.manifest import sha256_of

Write = Callable[[BinaryIO, int], None]
"""Appends to a file from a given offset on, until it is whole."""


class Cache:
    """A folder of blobs and views, shared by the processes of a node.

    A blob is named by what it is (endpoint, bucket, key, ETag and size), so that no byte is
    fetched twice whatever URI leads to it, and an object that changed is another blob. A view is a
    folder as it was listed, made of hard links; it appears whole and never changes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; `POSELINE_CACHE` or ~/.cache/poseline by default."""
        default = os.environ.get("POSELINE_CACHE") or "~/.cache/poseline"
        self.folder = folder or Path(default).expanduser()

    def blob(self, *identity: object) -> Path:
        """Return the path of a blob, there or not."""
        name = _digest(*identity)
        return self.folder / "blobs" / name[:2] / name

    def obtain(self, blob: Path, write: Write, modified: float | None = None) -> Path:
        """Return a blob; where it is not there, write it or go on with what was written of it.

        The unfinished file is its own lock: whoever comes second waits for the first, and goes on
        where the first was killed.

        Args:
            blob: From `blob`.
            write: Writes the rest of it.
            modified: Time of the last change, s since 1970, so that it is the same on every node.
        """
        partial = blob.with_name(f"{blob.name}.partial")
        blob.parent.mkdir(parents=True, exist_ok=True)
        while not blob.exists():
            with partial.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if blob.exists() or not _is(file, partial):
                    continue  # another process finished it, or gave it up
                write(file, os.fstat(file.fileno()).st_size)
                file.flush()
                if modified is not None:
                    os.utime(partial, (modified, modified))
                partial.chmod(0o444)
                partial.replace(blob)
        return blob

    def view(self, links: Mapping[str, Path], *identity: object) -> Path:
        """Return a folder that holds blobs under their names.

        Args:
            links: Relative path to blob.
            identity: What the folder is of, beside the blobs.
        """
        listing = sorted((name, blob.name) for name, blob in links.items())
        target = self.folder / "views" / _digest(*identity, listing)
        if target.is_dir():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))
        try:
            for name, blob in links.items():
                path = work / name
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    path.hardlink_to(blob)
                except OSError:  # a file system without hard links
                    shutil.copy2(blob, path)
            work.chmod(0o755)
            work.replace(target)
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        return target

    def check(self, blob: Path, sha256: str, what: str) -> None:
        """Compare a blob with its checksum, and drop it where it differs.

        Raises:
            StoreError: It differs.
        """
        found = sha256_of(blob)
        if found != sha256.lower():
            blob.unlink(missing_ok=True)
            raise StoreError(
                f"{what} has the sha256 {found[:16]}…, and not {sha256[:16]}…",
                "it was damaged or replaced; check where it comes from",
            )

    def need(self, size: int, what: str) -> None:
        """Tell before a transfer that it will not fit.

        Raises:
            StoreError: Fewer than `size` bytes are free.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if size > free:
            raise StoreError(
                f"{what}: {size / 1e9:.2f} GB to fetch and {free / 1e9:.2f} GB free in "
                f"{self.folder}",
                "make room, or set POSELINE_CACHE to a folder on another disk",
            )


@contextmanager
def disk_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a StoreError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "the disk is full" if full else error.strerror or str(error)
        remedy = "make room, or set POSELINE_CACHE to a folder on another disk"
        raise StoreError(f"{what}: {reason} ({folder})", remedy) from None


def _digest(*identity: object) -> str:
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:40]


def _is(file: BinaryIO, path: Path) -> bool:
    """Return whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
