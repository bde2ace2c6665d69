"""Files over HTTP: models that somebody offers for download."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError

from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.retry import retrying
from poseline.store.cache import Cache, disk_errors
from poseline.store.manifest import sha256_of, write_atomic
from poseline.store.progress import bar
from poseline.store.uri import Location, safe_key

_TIMEOUT_S = 30
_MOST_BYTES = 2 << 30
_ATTEMPTS = 4
_LONGEST_S, _LEAST_RATE = 120, 10_000  # B/s after those seconds
_AWAY = (URLError, ConnectionError, TimeoutError, http.client.HTTPException)
_FAULTS = (*_AWAY, OSError, StoreError)
_CHUNK = 1 << 20
_log = get_logger(__name__)


class _CutError(StoreError):
    """An answer ended before its end."""


def download(place: Location, cache: Cache, *, progress: bool = True) -> Path:
    """Fetch a file of at most 2 GB; what is cached is fetched again where the server has another.

    Raises:
        StoreError: It cannot be fetched, is too large, or differs from its checksum.
    """
    name = safe_key(PurePosixPath(place.path).name or "file", place.uri)
    note = cache.blob("http", place.uri).with_suffix(".json")
    known = _noted(note)
    blob = cache.blob("http", place.uri, known.get("tag"))
    promised = place.sha256 and known.get("sha256") == place.sha256
    with disk_errors(place.uri, cache.folder):
        if not (known and blob.exists() and (promised or _fresh(place.uri, known))):
            blob, known = _get(place, cache, progress=progress)
            write_atomic(note, json.dumps(known))
        if place.sha256:
            cache.check(blob, place.sha256, place.uri)
        return cache.view({name: blob}, place.uri) / name


def exists(place: Location) -> bool:
    """Return whether the server has it."""
    try:
        with _open(place.uri, method="HEAD"):
            return True
    except HTTPError as error:
        if error.code in (404, 410):
            return False
        raise _failed(place.uri, error) from None
    except (*_AWAY, OSError) as error:
        raise _failed(place.uri, error) from None


def _noted(note: Path) -> dict[str, Any]:
    """Return what is known of the cached file; nothing where the note is cut off."""
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    right = isinstance(known, dict) and isinstance(known.get("sha256"), str)
    return known if right and isinstance(known.get("tag"), str | None) else {}


def _get(place: Location, cache: Cache, *, progress: bool) -> tuple[Path, dict[str, Any]]:
    try:
        with _open(place.uri, method="HEAD") as answer:
            headers = answer.headers
    except _FAULTS:
        headers = None  # a server without HEAD; the GET shows what is wrong
    size = _length(headers, place.uri) if headers else None
    tag = (headers["ETag"] or headers["Last-Modified"]) if headers else None
    if size and size > _MOST_BYTES:
        raise _too_large(place.uri)
    cache.need(size or 0, place.uri)
    blob = cache.blob("http", place.uri, tag)
    blob.unlink(missing_ok=True)
    with bar(size or 0, place.uri, show=progress) as shown:

        def write(file: BinaryIO, _: int) -> None:
            if tag is None:
                file.truncate(0)  # nothing says that the rest is of the same file
            _receive(place.uri, file, tag, shown.update)

        cache.obtain(blob, write)
    _compare(blob, headers, place.uri)
    return blob, {"tag": tag, "sha256": sha256_of(blob)}


def _receive(uri: str, file: BinaryIO, tag: str | None, count: Callable[[int], Any]) -> None:
    """Write what is missing of a file, over as many connections as the retry policy allows."""
    try:
        _receive_rest(uri, file, tag, count, time.monotonic() + _LONGEST_S)
    except _AWAY as error:
        raise _failed(uri, error) from None


def _may_mend(error: Exception) -> bool:
    """Return whether another request may get on."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 416, 429)
    return isinstance(error, (*_AWAY, _CutError))


@retrying(_may_mend, attempts=_ATTEMPTS)
def _receive_rest(
    uri: str, file: BinaryIO, tag: str | None, count: Callable[[int], Any], end_of_time: float
) -> None:
    """Append what one answer brings."""
    offset = file.seek(0, os.SEEK_END)
    ranged = {"Range": f"bytes={offset}-", "If-Range": tag} if offset and tag else {}
    try:
        answer = _open(uri, ranged)
    except HTTPError as error:
        if error.code == 416:
            file.truncate(0)
        raise
    with answer:
        if answer.status != 206:
            file.truncate(offset := 0)
        length = _length(answer.headers, uri)
        end = None if length is None else offset + length
        while chunk := answer.read1(_CHUNK):
            file.write(chunk)
            offset += len(chunk)
            count(len(chunk))
            if offset > _MOST_BYTES:
                file.truncate(0)
                raise _too_large(uri)
            if time.monotonic() > end_of_time + offset / _LEAST_RATE:
                raise StoreError(f"{uri} comes too slowly", "fetch it and give its path")
    if end is not None and offset < end:
        raise _CutError(f"{uri} ends too early", "run it again")


def _fresh(uri: str, known: dict[str, Any]) -> bool:
    """Return whether the server still has what is cached; True where it cannot be reached."""
    if not known.get("tag"):
        return True
    try:
        with _open(uri, method="HEAD") as answer:
            return known["tag"] in (answer.headers["ETag"], answer.headers["Last-Modified"])
    except _FAULTS as error:
        _log.warning("not reached; the cached file is used", uri=uri, reason=str(error))
        return True


def _open(uri: str, headers: dict[str, Any] | None = None, method: str = "GET") -> Any:
    """Return an answer, to be closed.

    Raises:
        StoreError: The URI, or a redirect, is not a URL.
        HTTPError: The server refuses.
        URLError: It does not answer; or another of `_AWAY`.
    """
    try:
        request = urllib.request.Request(uri, headers=headers or {}, method=method)  # noqa: S310
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310  http(s) alone
    except HTTPError as error:
        error.close()  # it is the answer, too, and holds its connection
        raise
    except ValueError as error:
        failed = _failed(uri, error)
    raise failed  # without its cause, whose frames hold the connection of a redirect


def _length(headers: Any, uri: str) -> int | None:
    """Return the length that an answer promises; None where it promises none."""
    written = headers.get_all("Content-Length") or []
    if not written:
        return None
    if len(set(written)) > 1 or not re.fullmatch(r"\s*\d{1,18}\s*", written[0], re.ASCII):
        found = ", ".join(written)[:80]
        raise StoreError(f"{uri}: the server says {found!r} for a length", "fetch it otherwise")
    return int(written[0])


def _compare(blob: Path, headers: Any, uri: str) -> None:
    """Compare a file with the MD5 that the server says of it, where it says one.

    Raises:
        StoreError: It differs; it is not kept.
    """
    promised = _promised_md5(headers) if headers else None
    if not promised:
        return
    with blob.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
    if found != promised:
        blob.unlink(missing_ok=True)
        raise StoreError(f"{uri} came damaged: its MD5 is not the server's", "run it again")


def _promised_md5(headers: Any) -> bytes | None:
    """Return the MD5 of the content, from Content-MD5, Google's hash or the ETag of an S3."""
    google = re.search(r"md5=([\w+/]{22}==)", headers["x-goog-hash"] or "")
    written = headers["Content-MD5"] or (google[1] if google else "")
    if re.fullmatch(r"[\w+/]{22}==", written, re.ASCII):
        return base64.b64decode(written)
    tag = re.fullmatch(r'"([0-9a-f]{32})"', headers["ETag"] or "")
    encrypted = headers["x-amz-server-side-encryption"] == "aws:kms"
    is_s3 = headers["x-amz-request-id"] and not encrypted
    return bytes.fromhex(tag[1]) if tag and is_s3 else None


def _failed(uri: str, error: Exception) -> StoreError:
    why = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return StoreError(f"{uri} cannot be fetched: {why}", "fetch it and give its path")


def _too_large(uri: str) -> StoreError:
    return StoreError(f"{uri} is larger than 2 GB", "fetch it and give its path")
