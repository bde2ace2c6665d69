"""Output folders that appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poseline.store.manifest import write_atomic

_KEY = ".resume-key"


@contextmanager
def output_folder(out: Path, *, resume_key: str | None = None) -> Iterator[Path]:
    """Give a working folder beside `out` that takes its name when the block ends well.

    Args:
        out: The folder to make; an older one of that name is replaced at the end.
        resume_key: Where it equals the key of an interrupted attempt, the block goes on with
            what that attempt left; otherwise leftovers are removed first. None: never resume,
            and a failed block leaves nothing.

    Yields:
        The working folder.
    """
    work = out.with_name(f".{out.name}.partial")
    key_file = work / _KEY
    if resume_key is None or not (key_file.is_file() and key_file.read_text() == resume_key):
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    if resume_key is not None:
        write_atomic(key_file, resume_key)
    try:
        yield work
    except BaseException:
        if resume_key is None:
            shutil.rmtree(work, ignore_errors=True)
        raise
    key_file.unlink(missing_ok=True)
    if out.exists():
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        out.replace(old)
        work.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    else:
        work.replace(out)
