"""URIs: what may be one, and how it becomes a local path."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.error import URLError
from urllib.parse import unquote, urlsplit

from poseline.errors import StoreError

SCHEMES = ("file", "s3", "http", "https")
_TIMEOUT_S = 30
_MOST_BYTES = 2 * 1024**3


def fetch(uri: str, cache: Path | None = None) -> Path:
    """Return a local path of what a URI names.

    Args:
        uri: A path, or file://, s3:// (a file or a folder), http(s):// (a file).
        cache: Folder of what was fetched; `POSELINE_CACHE` or ~/.cache/poseline by default.

    Raises:
        StoreError: It is not there, may not be read, or has an unknown scheme.
    """
    parts = urlsplit(uri)
    if len(parts.scheme) < 2:  # a path, or a Windows drive
        return Path(uri).expanduser()
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme not in SCHEMES:
        raise StoreError(
            f"{uri}: unknown scheme {parts.scheme}", f"use a path or {', '.join(SCHEMES)}"
        )
    folder = cache or cache_folder()
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    name = PurePosixPath(unquote(parts.path)).name or "root"
    target = folder / digest / name
    if parts.scheme == "s3":
        from poseline.store import s3

        return s3.download(parts.netloc, unquote(parts.path).lstrip("/"), target)
    return target if target.is_file() else _download(uri, target)


def cache_folder() -> Path:
    """Return where fetched files are kept on this machine."""
    return Path(os.environ.get("POSELINE_CACHE") or "~/.cache/poseline").expanduser()


def _download(uri: str, target: Path) -> Path:
    from poseline.store.manifest import write_atomic

    try:
        with urllib.request.urlopen(uri, timeout=_TIMEOUT_S) as answer:  # noqa: S310  http(s) alone
            content = answer.read(_MOST_BYTES + 1)
    except (URLError, OSError, TimeoutError) as error:
        raise StoreError(
            f"{uri} cannot be fetched: {error}", "fetch it and give its path"
        ) from None
    if len(content) > _MOST_BYTES:
        raise StoreError(f"{uri} is larger than 2 GB", "fetch it and give its path")
    write_atomic(target, content)
    return target
