"""ETags: the MD5 of an object, or, where it came in parts, the MD5 of the MD5s of its parts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_WHOLE = re.compile(r'"([0-9a-f]{32})"')
_PARTS = re.compile(r'"[0-9a-f]{32}-([1-9]\d{0,4})"')


def of_content(content: bytes) -> str:
    """Return the ETag of an object that is put in one piece."""
    return f'"{_md5(content).hexdigest()}"'


def of_parts(path: Path, sizes: Sequence[int]) -> str:
    """Return the ETag of a file that is put in parts of these sizes, bytes."""
    digest = _md5()
    with path.open("rb") as file:
        for size in sizes:
            digest.update(_md5(file.read(size)).digest())
    return f'"{digest.hexdigest()}-{len(sizes)}"'


def of_something_else(answer: Mapping[str, Any]) -> bool:
    """Return whether an object's ETag is not an MD5, for it is encrypted with a key of its own."""
    return bool(answer.get("SSECustomerAlgorithm")) or "kms" in str(
        answer.get("ServerSideEncryption")
    )


def contradicts(path: Path, etag: str, part_size: Callable[[int], int | None]) -> bool:
    """Return whether a file is not what an ETag is of.

    Args:
        path: The file.
        etag: What the storage says; one of an unknown form says nothing.
        part_size: Bytes of a part by its number, from 1; None where the storage does not say.
    """
    if _WHOLE.fullmatch(etag):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, _md5).hexdigest()
        return f'"{found}"' != etag
    if not (parts := _PARTS.fullmatch(etag)):
        return False
    count, size = int(parts[1]), path.stat().st_size
    if not (first := part_size(1)):
        return False
    rest = size - (count - 1) * first
    if 0 < rest <= first and of_parts(path, [*[first] * (count - 1), rest]) == etag:
        return False
    # Parts may differ in size; the storage is asked for each only now.
    sizes = [part_size(number) or 0 for number in range(1, count + 1)]
    return sum(sizes) == size and of_parts(path, sizes) != etag


def _md5(content: bytes = b"") -> Any:
    """Return an MD5: S3's name for a content, not a safeguard."""
    return hashlib.md5(content, usedforsecurity=False)
