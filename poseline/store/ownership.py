"""What may be replaced: what our manifest or mark says that we made, and nothing else.

A folder is replaced only where its manifest says that it is ours and of the same kind, and nothing
in it was added or changed since. An empty one is used. Whatever else is there is the user's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.store.manifest import Manifest

MARK = b"written by poseline"
"""In every picture and text that a command writes where the user says; marks it as ours."""
_SHOWN, _SEARCHED = 4, 1 << 24
_log = get_logger(__name__)


def check_folder(
    out: Path,
    kind: str,
    *,
    sources: Iterable[Path] = (),
    apart: bool = False,
    overwrite: bool | None = None,
) -> Path:
    """Return the real path of a folder that is to be made, once nothing is lost by that.

    Args:
        out: The folder.
        kind: What is to be made there: the `stage` of its manifest.
        sources: What it is made from: none of these paths may be in the folder, or be the folder.
        apart: Refuse a folder within a source, too, since it would become part of it.
        overwrite: Replace files, too, that were added or changed in a folder of ours; each is
            reported. None: there is no option to advise.

    Raises:
        StoreError: Something else is there: what it is, and what can be done.
    """
    target = Path(os.path.realpath(out))
    _check_overlap(out, target, sources, apart=apart)
    if not os.path.lexists(target):
        if out.is_symlink():
            raise StoreError(
                f"{out} is a link to {target}, which is not there",
                "remove the link, or make what it names",
            )
        return target
    if not target.is_dir():
        raise StoreError(
            f"{out} is {_what(target)}, and a folder is to be made there",
            "choose another name; nothing was replaced",
        )
    _check_place(out, target)
    if not any(target.iterdir()):
        return target
    _check_contents(out, target, kind, overwrite)
    return target


def check_kind(out: Path, kind: str) -> None:
    """Refuse early what `check_folder` refuses later in any case.

    Args:
        out: The folder, there or not.
        kind: What is to be made there.

    Raises:
        StoreError: A file is there, or what is not ours or of another kind.
    """
    if out.is_dir() and is_ours(out, kind):
        return
    check_folder(out, kind)


def check_file(path: Path, *, inputs: Iterable[Path] = (), overwrite: bool = False) -> Path:
    """Return the real path of a file that a command is to write, once nothing is lost by that.

    Args:
        path: The file.
        inputs: What the command reads: neither is replaced, nor a file in one of those folders.
        overwrite: Replace a file that poseline did not make.

    Raises:
        StoreError: Something is there that is not to be replaced.
    """
    target = Path(os.path.realpath(path))
    for source in inputs:
        if _same(source, target):
            raise StoreError(f"{path} is what the command reads", "choose another name")
    if not os.path.lexists(target):
        return target
    if not target.is_file():
        raise StoreError(
            f"{path} is {_what(target)}, and a file is to be written there",
            "choose another name; nothing was replaced",
        )
    if not overwrite and target.stat().st_size and not is_marked(target):
        raise StoreError(
            f"{path} is there already, and poseline did not write it",
            "choose another name, or replace it with --overwrite",
        )
    return target


def is_marked(path: Path) -> bool:
    """Return whether a picture or a text bears our mark."""
    with path.open("rb") as file:
        return MARK in file.read(_SEARCHED)


def is_ours(folder: Path, kind: str) -> bool:
    """Return whether a manifest says that a folder is ours and of a kind."""
    try:
        return Manifest.read(folder).stage == kind
    except StoreError:
        return False


def _check_contents(out: Path, target: Path, kind: str, overwrite: bool | None) -> None:
    try:
        manifest = Manifest.read(target)
    except StoreError:
        names = sorted(path.name for path in target.iterdir())
        raise StoreError(
            f"{out} is not empty, and poseline did not make it: it holds {_named(names)}",
            "choose another folder, or move away what is there; nothing was replaced",
        ) from None
    if manifest.stage != kind:
        raise StoreError(
            f"{out} holds the output of `{manifest.stage}`, and not of `{kind}`",
            "choose another folder; nothing was replaced",
        )
    changed = manifest.changed(target)
    if not changed:
        return
    if overwrite:
        _log.warning(
            "replaced, with what was added or changed in it", folder=str(out), files=_named(changed)
        )
        return
    advice = "" if overwrite is None else ", or replace them with --overwrite"
    raise StoreError(
        f"{out} has files that were added or changed since poseline made it: {_named(changed)}",
        f"choose another folder, or move them away{advice}; nothing was replaced",
    )


def _check_place(out: Path, target: Path) -> None:
    """Refuse folders whose replacement would take the ground from under somebody."""
    here = Path.cwd()
    if target == here or target in here.parents:
        reason = "is the folder you are in" if target == here else "holds the folder you are in"
    elif target == Path(os.path.realpath(Path.home())):
        reason = "is your home"
    elif os.path.ismount(target):
        reason = "is where a file system is mounted"
    else:
        return
    raise StoreError(f"{out} {reason}, and is never replaced", "name a new folder within it")


def _check_overlap(out: Path, target: Path, sources: Iterable[Path], *, apart: bool) -> None:
    for source in sources:
        if not source.exists():
            continue
        real = Path(os.path.realpath(source))
        holds = any(_same(target, place) for place in (real, *real.parents))
        within = apart and any(_same(real, place) for place in target.parents)
        if holds or within:
            relation = "the same" if _same(real, target) else "one within the other"
            raise StoreError(
                f"{out} and {source}, which it is made from, are {relation}",
                "choose a folder beside it; nothing was replaced",
            )


def _same(one: Path, other: Path) -> bool:
    """Compare by inode, so that links, case and mounts make no difference."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _what(path: Path) -> str:
    mode = path.stat().st_mode
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISREG, "a file"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in kinds if test(mode)), "a device")


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
