"""Remove a run directory, where all that is in it is ours."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from poseline.errors import StoreError
from poseline.runner.chain import CONFIG, LOCK, REPORT
from poseline.runner.runs import RunDirectory
from poseline.store.lock import locked
from poseline.store.manifest import ATTEMPT, MANIFEST, Manifest
from poseline.store.stamp import HTML, YAML, check_stamped
from poseline.tracking import outboxes
from poseline.tracking.outbox import Outbox
from poseline.training import folder as training

_OF_TRAINING = (training.BEST, training.LAST, training.HISTORY, training.SETTINGS)
_OF_OUTBOX = ("address.json", "delivered", "journal.jsonl", "lock")
_SHOWN = 4


def remove(run: RunDirectory) -> None:
    """Remove a run directory.

    Args:
        run: As it was read.

    Raises:
        StoreError: It is being written, something waits there for MLflow, or a file in it was
            added or changed by somebody else; nothing is removed then.
    """
    folder = run.folder
    check(run)
    with locked(folder / LOCK, folder):
        check(run)
        shutil.rmtree(folder)


def check(run: RunDirectory) -> None:
    """Refuse a run directory that may not be removed; as `remove`."""
    folder = run.folder
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link", "name the directory that it points to")
    here = Path.cwd()
    real = Path(os.path.realpath(folder))
    if real in (here, *here.parents):
        raise StoreError(f"you are in {folder}", "change to another folder first")
    if real == Path(os.path.realpath(Path.home())) or os.path.ismount(real):
        raise StoreError(f"{folder} is not a run directory", "name one that `poseline runs` lists")
    if not _stamped(folder / CONFIG, YAML):
        raise StoreError(
            f"{folder} has no {CONFIG} that poseline wrote, or it was changed since",
            "remove it yourself if you no longer need it",
        )
    if strange := foreign(folder):
        more = f" and {len(strange) - _SHOWN:,} more" if len(strange) > _SHOWN else ""
        raise StoreError(
            f"{folder} holds files that poseline did not make or that were changed since: "
            f"{', '.join(strange[:_SHOWN])}{more}",
            "move it away first; nothing was removed",
        )
    if any(Outbox(box).pending() for box in outboxes(folder)):
        raise StoreError(
            f"{folder} holds figures that MLflow has not received yet",
            f"deliver them with `poseline mlflow sync {folder}`; nothing was removed",
        )


def foreign(folder: Path) -> list[str]:
    """Return the relative paths of what in a run directory is not ours, or was changed."""
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        place = Path(root)
        for name in [n for n in folders if (place / n / ATTEMPT).is_file()]:
            folders.remove(name)  # what a step that was interrupted left
        links = [name for name in folders if (place / name).is_symlink()]
        ours = _ours(place, folder)
        strange = [name for name in files if not (name in ours and _regular(place / name))]
        found += [(place / name).relative_to(folder).as_posix() for name in [*strange, *links]]
    return sorted(name for name in found if not _below_step(folder, Path(name)))


def _ours(place: Path, run: Path) -> set[str]:
    """Return the names of the files directly in a folder that are ours as they are."""
    here = (path.name for path in place.iterdir())
    names = {name for name in here if _is_lock(name) or _is_log(place, name)}
    if place == run:
        names |= {n for n, kind in ((CONFIG, YAML), (REPORT, HTML)) if _stamped(place / n, kind)}
    if (place / training.SETTINGS).is_file():
        names |= {made for name in _OF_TRAINING for made in (name, f"{name}.json")}
    return names


def _below_step(run: Path, name: Path) -> bool:
    """Return whether the manifest of a folder above a file lists it, and it is as it was."""
    for above in list(name.parents)[:-1]:
        place = run / above
        try:
            manifest = Manifest.read(place)
        except StoreError:
            continue
        inner = name.relative_to(above).as_posix()
        if inner == MANIFEST or (inner in manifest.files and inner not in manifest.changed(place)):
            return True
    return False


def _is_lock(name: str) -> bool:
    return name.startswith(".") and name.endswith(".lock")


def _is_log(place: Path, name: str) -> bool:
    """Tell a log of TensorBoard, or a file of an outbox of MLflow."""
    if name.startswith("events.out.tfevents."):
        return True
    if name in _OF_OUTBOX and (place / _OF_OUTBOX[0]).is_file():
        return True
    *_, top = [above for above in (place, *place.parents) if above.name == "models"] or [place]
    return top.name == "models" and (top.parent / _OF_OUTBOX[0]).is_file()


def _regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _stamped(path: Path, comment: str) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    try:
        check_stamped(path, comment)
    except StoreError:
        return False
    return True
