"""Output folders that appear whole or not at all, and take the place of nothing but our own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from poseline.errors import StoreError
from poseline.store.lock import locked
from poseline.store.manifest import ATTEMPT, write_atomic
from poseline.store.ownership import check_folder, is_ours


@contextmanager
def output_folder(
    out: Path,
    kind: str,
    *,
    sources: Iterable[Path] = (),
    apart: bool = False,
    overwrite: bool | None = None,
    resume_key: str | None = None,
) -> Iterator[Path]:
    """Give a working folder beside `out` that takes its name when the block ends well.

    The block leaves a manifest of this kind in it, by which a later call knows it.

    Args:
        out: The folder to make; what is there is replaced where `check_folder` allows it.
        kind: The `stage` of its manifest.
        sources: What it is made from.
        apart: `out` may not lie within a source either.
        overwrite: As `check_folder` takes it.
        resume_key: Where it equals the key of an interrupted attempt, the block goes on with
            what that attempt left; otherwise leftovers are removed first. None: never resume,
            and a failed block leaves nothing.

    Yields:
        The working folder.

    Raises:
        StoreError: Something stands at `out` that is not to be replaced, or another process is
            making it.
    """
    kept = list(sources)
    target = check_folder(out, kind, sources=kept, apart=apart, overwrite=overwrite)
    work, old = (target.with_name(f".{target.name}.{end}") for end in ("partial", "old"))
    made = _make_parents(target.parent)
    try:
        with locked(target.with_name(f".{target.name}.lock"), out):
            _restore(target, old, kind)
            _prepare(work, kind, resume_key)
            try:
                yield work
                check_folder(out, kind, sources=kept, apart=apart, overwrite=overwrite)
            except BaseException:
                if resume_key is None:
                    _remove(work)
                raise
            _swap(work, target, old)
    except BaseException:
        _remove_empty(made)
        raise


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder with those above it; return what was made, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _restore(target: Path, old: Path, kind: str) -> None:
    """Mend what a process left that was killed between the two renames at the end."""
    if not is_ours(old, kind):
        return
    if target.exists():
        shutil.rmtree(old)
    else:
        old.replace(target)


def _prepare(work: Path, kind: str, resume_key: str | None) -> None:
    """Make the working folder, or keep that of an interrupted attempt with the same key."""
    key = work / ATTEMPT
    if os.path.lexists(work):
        ours = work.is_dir() and not work.is_symlink()
        if not ours or not (key.is_file() or is_ours(work, kind) or not any(work.iterdir())):
            raise StoreError(
                f"{work} is in the way, and poseline did not make it",
                "move it away; nothing was replaced",
            )
        if resume_key is None or not key.is_file() or key.read_text() != resume_key:
            _remove(work)
    work.mkdir(exist_ok=True)
    write_atomic(key, resume_key or "")


def _remove(work: Path) -> None:
    """Remove a working folder, the file that says that it is ours last."""
    for path in work.iterdir() if work.is_dir() else ():
        if path.name == ATTEMPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def _swap(work: Path, target: Path, old: Path) -> None:
    (work / ATTEMPT).unlink()
    if not target.exists() or not any(target.iterdir()):
        work.replace(target)
        return
    if os.path.lexists(old):
        raise StoreError(f"{old} is in the way", "move it away; the new output is in {work}")
    target.replace(old)
    work.replace(target)
    shutil.rmtree(old, ignore_errors=True)
