"""Files over HTTP: models that somebody offers for download."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError

from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.store.cache import Cache, disk_errors
from poseline.store.manifest import sha256_of, write_atomic
from poseline.store.progress import bar
from poseline.store.uri import Location, safe_key

_TIMEOUT_S = 30
_MOST_BYTES = 2 << 30
_ATTEMPTS = 4
_CHUNK = 1 << 20
_log = get_logger(__name__)


def download(place: Location, cache: Cache, *, progress: bool = True) -> Path:
    """Fetch a file of at most 2 GB; what is cached is fetched again where the server has another.

    Raises:
        StoreError: It cannot be fetched, is too large, or differs from its checksum.
    """
    name = safe_key(PurePosixPath(place.path).name or "file", place.uri)
    note = cache.blob("http", place.uri).with_suffix(".json")
    known: dict[str, Any] = json.loads(note.read_text()) if note.is_file() else {}
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
    """Tell whether the server has it."""
    try:
        with _open(place.uri, method="HEAD"):
            return True
    except HTTPError as error:
        if error.code in (404, 410):
            return False
        raise _failed(place.uri, error) from None
    except (URLError, OSError) as error:
        raise _failed(place.uri, error) from None


def _get(place: Location, cache: Cache, *, progress: bool) -> tuple[Path, dict[str, Any]]:
    try:
        with _open(place.uri, method="HEAD") as answer:
            headers = answer.headers
    except (URLError, OSError, http.client.HTTPException):
        headers = None  # a server without HEAD; the GET tells what is wrong
    size = int(headers["Content-Length"]) if headers and headers["Content-Length"] else None
    tag = (headers["ETag"] or headers["Last-Modified"]) if headers else None
    if size and size > _MOST_BYTES:
        raise _too_large(place.uri)
    cache.need(size or 0, place.uri)
    blob = cache.blob("http", place.uri, tag)
    blob.unlink(missing_ok=True)
    with bar(size or 0, place.uri, show=progress) as shown:

        def write(file: BinaryIO, offset: int) -> None:
            if tag is None:
                file.truncate(offset := 0)  # nothing says that the rest is of the same file
            _receive(place.uri, file, offset, tag, shown.update)

        cache.obtain(blob, write)
    return blob, {"tag": tag, "sha256": sha256_of(blob)}


def _receive(uri: str, file: BinaryIO, offset: int, tag: str | None, count: Any) -> None:
    for attempt in range(_ATTEMPTS):
        ranged = {"Range": f"bytes={offset}-", "If-Range": tag} if offset and tag else {}
        try:
            with _open(uri, ranged) as answer:
                if answer.status != 206:
                    file.truncate(offset := 0)
                expected = answer.headers["Content-Length"]
                end = offset + int(expected) if expected else None
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    offset += len(chunk)
                    count(len(chunk))
                    if offset > _MOST_BYTES:
                        file.truncate(0)
                        raise _too_large(uri)
                if end is None or offset >= end:
                    return
        except HTTPError as error:
            if error.code == 416 and offset:
                file.truncate(offset := 0)
            elif error.code < 500 or attempt == _ATTEMPTS - 1:
                raise _failed(uri, error) from None
        except (URLError, ConnectionError, TimeoutError, http.client.HTTPException) as error:
            if attempt == _ATTEMPTS - 1:
                raise _failed(uri, error) from None
        time.sleep(0.2 * 2**attempt)
    raise StoreError(f"{uri} ends too early", "run it again")


def _fresh(uri: str, known: dict[str, Any]) -> bool:
    """Tell whether the server has still what is cached; one that cannot be reached is believed."""
    if not known.get("tag"):
        return True
    try:
        with _open(uri, method="HEAD") as answer:
            return known["tag"] in (answer.headers["ETag"], answer.headers["Last-Modified"])
    except (URLError, OSError, http.client.HTTPException) as error:
        _log.warning("not reached; the cached file is used", uri=uri, reason=str(error))
        return True


def _open(uri: str, headers: dict[str, Any] | None = None, method: str = "GET") -> Any:
    request = urllib.request.Request(uri, headers=headers or {}, method=method)  # noqa: S310
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310  http(s) alone


def _failed(uri: str, error: Exception) -> StoreError:
    return StoreError(f"{uri} cannot be fetched: {error}", "fetch it and give its path")


def _too_large(uri: str) -> StoreError:
    return StoreError(f"{uri} is larger than 2 GB", "fetch it and give its path")
