"""Texts whose first line says that we wrote them, and as what: config.yaml, report.html."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from poseline.errors import StoreError
from poseline.store.manifest import write_atomic
from poseline.store.ownership import MARK

YAML, HTML = "# {}", "<!-- {} -->"
"""How a comment looks."""


def write_stamped(path: Path, text: str, comment: str) -> None:
    """Write a text below a first line by which a later run sees that it is ours and unchanged.

    Args:
        path: The file; what is there is replaced where it is ours.
        text: The text.
        comment: `YAML` or `HTML`.

    Raises:
        StoreError: As `check_stamped`.
    """
    check_stamped(path, comment, text)
    write_atomic(path, f"{_stamp(text.encode(), comment)}\n{text}")


def check_stamped(path: Path, comment: str, text: str = "") -> None:
    """Refuse to replace a text that is somebody's own, or was changed since it was written.

    Args:
        path: The file, there or not.
        comment: `YAML` or `HTML`.
        text: What is to be written; a file with that content may be replaced.

    Raises:
        StoreError: It is not ours.
    """
    if not os.path.lexists(path):
        return
    if path.is_file():
        content = path.read_bytes()
        head, _, rest = content.partition(b"\n")
        if head == _stamp(rest, comment).encode() or content == text.encode():
            return
    raise StoreError(
        f"{path} was not written by poseline, or was changed since",
        "choose another directory, or move it away; nothing was replaced",
    )


def _stamp(content: bytes, comment: str) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return comment.format(f"{MARK.decode()}, sha256 of what follows: {digest}")
