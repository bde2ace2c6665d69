"""The folder of a set to convert: on this machine, or elsewhere with its pictures left there."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from poseline import store

_DEEPEST = 8  # folders in folders; more are a loop of links


class SetFolder:
    """A folder with the pictures and the annotations of a set.

    Args:
        root: The folder.
        remote: URI that its pictures are fetched from when they are asked for; what stands for
            them in the folder is empty. None: they are in the folder.
    """

    def __init__(self, root: Path, remote: str | None = None) -> None:
        self.root, self._remote = root, remote

    def find(self, name: str) -> str | None:
        """Return the path of a file relative to the folder; None where there is none.

        Args:
            name: The path in Unicode's composed form; the file's may have another.
        """
        path = f"{self.root}/{name}"
        try:
            if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116  slower by Path
                return name
        except FileNotFoundError:
            if Path(path).is_symlink():  # one that leads nowhere
                return name
        except (OSError, ValueError):
            pass
        return self._decomposed.get(name)

    def path(self, name: str) -> Path:
        """Return where a file can be read.

        Raises:
            StoreError: It cannot be fetched.
        """
        if self._remote is None:
            return self.root / name
        return store.fetch(f"{self._remote}/{name}", progress=False)

    @cached_property
    def _decomposed(self) -> dict[str, str]:
        """Every file whose name is not in the composed form, by the name in that form."""
        names = ((unicodedata.normalize("NFC", name), name) for name in _below(self.root))
        return {composed: name for composed, name in names if composed != name}


def folders_below(root: Path, deepest: int = 2) -> list[str]:
    """Return the folders below one, those that are less deep first, sorted."""
    found, level = list[str](), [""]
    for _ in range(deepest):
        level = sorted(
            f"{folder}/{entry.name}" if folder else entry.name
            for folder in level
            for entry in entries_of(root / folder)
            if _is_folder(entry)
        )
        found += level
    return found


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder; nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return  # its pictures are counted as missing


def _below(root: Path) -> Iterator[str]:
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        for entry in entries_of(root / folder):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_folder(entry):
                yield name
            elif depth < _DEEPEST and not entry.name.startswith("."):
                waiting.append((name, depth + 1))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
