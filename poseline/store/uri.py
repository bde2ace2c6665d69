"""URIs: what may be one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from poseline.errors import StoreError

Scheme = Literal["file", "s3", "http", "https"]

_ACCEPTED = "a path, file:///…, s3://bucket/key or http(s)://…"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


@dataclass(frozen=True)
class Location:
    """Where something is.

    Attributes:
        scheme: `file` for plain paths, too.
        uri: As it was given.
        path: A local path; for s3 the key, without a slash at its ends.
        bucket: The bucket of an s3 URI.
        sha256: What the content is promised to be, from a fragment `#sha256=…`, in hex.
    """

    scheme: Scheme
    uri: str
    path: str
    bucket: str = ""
    sha256: str | None = None


def parse(uri: str) -> Location:
    """Read a path or a URI.

    Raises:
        StoreError: The scheme is unknown, or the key could lead out of its prefix.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port  # read as late as that
    except ValueError as error:
        raise StoreError(f"{uri!r} is not a URI: {error}", f"use {_ACCEPTED}") from None
    scheme = parts.scheme.lower()
    if "\0" in uri:
        raise StoreError(f"{uri!r} is not a path", f"use {_ACCEPTED}")
    if len(scheme) < 2:  # a path, or a Windows drive
        return Location("file", uri, str(Path(uri).expanduser()))
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise StoreError(f"{uri}: a file of another host", f"use {_ACCEPTED}")
        return Location("file", uri, unquote(parts.path))
    if scheme == "s3":
        if not _BUCKET.fullmatch(parts.netloc):
            raise StoreError(f"{uri}: {parts.netloc!r} is not a bucket", f"use {_ACCEPTED}")
        # A key may hold ? and #, which split a URI of any other scheme.
        key = uri[len("s3://") + len(parts.netloc) :].strip("/")
        return Location("s3", uri, safe_key(key, uri), parts.netloc)
    if scheme in ("http", "https"):
        if not parts.hostname:
            raise StoreError(f"{uri!r} names no host", f"use {_ACCEPTED}")
        promise = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", parts.fragment)
        if parts.fragment and not promise:
            raise StoreError(
                f"{uri}: {parts.fragment!r} is not a checksum", "use #sha256=<64 digits>"
            )
        checksum = promise[1].lower() if promise else None
        address = uri.partition("#")[0]
        return Location(scheme, address, unquote(parts.path), sha256=checksum)  # type: ignore[arg-type]
    raise StoreError(f"{uri}: unknown scheme {scheme}", f"use {_ACCEPTED}")


def safe_key(key: str, shown: str) -> str:
    """Return a key or a name below a prefix, once it is sure to stay below any folder.

    Raises:
        StoreError: It is absolute, or has `..`, an empty part, a backslash or a control character.
    """
    parts = key.split("/")
    if key and (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in key
        or any(ord(char) < 32 or ord(char) == 127 for char in key)
        or any(len(part.encode()) > 240 for part in parts)
    ):
        raise StoreError(
            f"{shown}: the key {key!r} leaves its prefix or is not a path",
            "use keys without `..`, backslashes, empty parts and control characters",
        )
    return key
