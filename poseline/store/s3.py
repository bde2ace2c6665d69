"""Files, folders and models from and to S3-compatible storage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from poseline.errors import StoreError
from poseline.store import etag
from poseline.store.cache import Cache, disk_errors
from poseline.store.manifest import MANIFEST, Manifest
from poseline.store.progress import bar
from poseline.store.s3_client import THREADS, client, translate_errors
from poseline.store.uri import safe_key

T = TypeVar("T")

_MODELS = (".h5", ".keras", ".tflite", ".onnx")

_CHUNK = 1 << 20
_MOST_PAGES = 10_000  # of 1,000 objects
_ATTEMPTS = 6  # to get on with an object, without a byte of progress
_PAUSE_S = 0.1  # before the second, twice as long before each later one


@dataclass(frozen=True)
class Object:
    """An object as it was listed.

    Attributes:
        key: Its key.
        etag: What S3 calls its content.
        size: Bytes.
        modified: Time of the last change, s since 1970.
    """

    key: str
    etag: str
    size: int
    modified: float

    @classmethod
    def of(cls, key: str, entry: Mapping[str, Any]) -> Object:
        """Read an entry of a listing, or the answer to a HEAD."""
        try:
            changed: datetime = entry["LastModified"]
            size = int(entry["Size"] if "Size" in entry else entry["ContentLength"])
            return cls(key, str(entry["ETag"]), size, changed.timestamp())
        except (KeyError, AttributeError, ValueError, TypeError, OverflowError):
            raise StoreError(
                f"{key}: the storage does not say its size, time and ETag",
                "check the endpoint: it does not answer as S3 does",
            ) from None


def download(
    bucket: str, key: str, cache: Cache, *, progress: bool = True, sha256: str | None = None
) -> Path:
    """Fetch an object, a model with its sidecar, or every object below a prefix.

    Args:
        bucket: The bucket.
        key: Key of an object, or a prefix without its last slash.
        cache: Where it is kept; only what is not there is fetched.
        progress: Show a bar.
        sha256: What the content of an object must be; a blob that differs is not kept.

    Returns:
        The file, or the folder, read-only.

    Raises:
        StoreError: Names what is missing, denied, changed, damaged or full.
    """
    shown = f"s3://{bucket}/{key}"
    with translate_errors(shown), disk_errors(shown, cache.folder):
        s3 = client()
        single, found = _find(s3, bucket, key)
        identity = (s3.meta.endpoint_url, bucket)
        blobs = {name: cache.blob(*identity, o.key, o.etag, o.size) for name, o in found.items()}
        wanted = [name for name in found if not blobs[name].exists()]
        total = sum(found[name].size for name in wanted)
        cache.need(total, shown)
        with bar(total, shown, show=progress) as shown_bar:

            def get(name: str) -> None:
                target = found[name]
                receive = _receiver(s3, bucket, target, shown_bar.update)
                cache.obtain(blobs[name], receive, target.modified)

            _in_parallel(get, wanted)
        if sha256 and single:
            cache.check(blobs[key.rpartition("/")[2]], sha256, shown)
        view = cache.view(blobs, *identity, key)
        if MANIFEST in found and not single:
            _verify(view, blobs, wanted)
        return view / key.rpartition("/")[2] if single else view


def upload(path: Path, bucket: str, key: str, *, progress: bool = True) -> None:
    """Put a file, or every file of a folder below a prefix; a manifest goes last.

    What is there with the same content is left; an interrupted multipart upload goes on.

    Raises:
        StoreError: The bucket is missing or may not be written, or a link leads out of the folder.
    """
    from poseline.store import multipart

    shown = f"s3://{bucket}/{key}"
    with translate_errors(shown), disk_errors(str(path), path.parent):
        files = {key: path} if path.is_file() else dict(_below(path, key))
        s3 = client()
        listed = _list(s3, bucket, key) if path.is_dir() else filter(None, [_head(s3, bucket, key)])
        there = {entry.key: entry for entry in listed}
        with bar(sum(f.stat().st_size for f in files.values()), shown, show=progress) as shown_bar:

            def put(name: str) -> None:
                old = there.get(name)
                known = (old.etag, old.size) if old else None
                multipart.put(s3, files[name], bucket, name, known, shown_bar.update)

            last = [name for name in files if name.endswith(f"/{MANIFEST}")]
            _in_parallel(put, [name for name in files if name not in last])
            _in_parallel(put, last)


def exists(bucket: str, key: str) -> bool:
    """Return whether there is an object of that key, or anything below that prefix."""
    with translate_errors(f"s3://{bucket}/{key}"):
        s3 = client()
        if key and _head(s3, bucket, key):
            return True
        prefix = f"{key}/" if key else ""
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return bool(answer.get("KeyCount"))


def listing(bucket: str, key: str) -> dict[str, str]:
    """Return the ETag and size of each object below a prefix, or of the object of that key."""
    with translate_errors(f"s3://{bucket}/{key}"):
        _, found = _find(client(), bucket, key)
    return {name: f"{entry.etag} {entry.size}" for name, entry in found.items()}


def entries(bucket: str, key: str) -> Iterator[Object]:
    """Yield each object below a prefix, or that of the key itself, under its relative name."""
    prefix = f"{key}/" if key else ""
    with translate_errors(f"s3://{bucket}/{key}"):
        s3 = client()
        if key and (single := _head(s3, bucket, key)):
            yield replace(single, key=key.rpartition("/")[2])
            return
        for found in _list(s3, bucket, key):
            yield replace(found, key=found.key.removeprefix(prefix))


def _find(s3: Any, bucket: str, key: str) -> tuple[bool, dict[str, Object]]:
    """Return whether the key is an object, and what is to be fetched by relative path."""
    if key and (found := _head(s3, bucket, key)):
        name = key.rpartition("/")[2]
        sidecar = _head(s3, bucket, f"{key}.json") if name.endswith(_MODELS) else None
        return True, {name: found} | ({f"{name}.json": sidecar} if sidecar else {})
    prefix = f"{key}/" if key else ""
    below = {o.key.removeprefix(prefix): o for o in _list(s3, bucket, key)}
    if not below:
        raise StoreError(f"s3://{bucket}/{key} holds nothing", "check the bucket and the key")
    for name, entry in below.items():
        safe_key(name, f"s3://{bucket}/{entry.key}")
    return False, below


def _head(s3: Any, bucket: str, key: str) -> Object | None:
    from botocore.exceptions import ClientError

    try:
        answer = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # 403 is what a missing key gives without the right to list; the listing shows it.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    directory = answer.get("ContentType") == "httpd/unix-directory"
    return None if directory else Object.of(key, answer)


def _list(s3: Any, bucket: str, key: str) -> Iterator[Object]:
    prefix = f"{key}/" if key else ""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for number, page in enumerate(pages):
        if number > _MOST_PAGES or ("KeyCount" not in page and "Name" not in page):
            raise StoreError(
                f"s3://{bucket}/{key}: what answers gives no listing that ends",
                "check AWS_ENDPOINT_URL_S3: it names the S3 API, and not a console or a login page",
            )
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):
                yield Object.of(entry["Key"], entry)


def _receiver(
    s3: Any, bucket: str, wanted: Object, count: Callable[[int], Any]
) -> Callable[[BinaryIO, int], None]:
    """Return what fetches the rest of an object, over as many connections as it takes."""
    from botocore.exceptions import BotoCoreError, ClientError

    def receive(file: BinaryIO, offset: int) -> None:
        encrypted = False
        if offset > wanted.size:
            file.truncate(offset := 0)
        count(offset)
        idle = 0
        while offset < wanted.size:
            start = offset
            try:
                answer = s3.get_object(
                    Bucket=bucket, Key=wanted.key, Range=f"bytes={offset}-", IfMatch=wanted.etag
                )
                encrypted = encrypted or etag.of_something_else(answer)
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
                    offset += len(chunk)
                    count(len(chunk))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412, 416):
                    file.truncate(0)
                    raise StoreError(
                        f"s3://{bucket}/{wanted.key} changed while it was fetched", "run it again"
                    ) from None
                raise
            except BotoCoreError:
                if offset == start and idle >= _ATTEMPTS:
                    raise
            idle = idle + 1 if offset == start else 0
            if idle > _ATTEMPTS:
                raise StoreError(
                    f"s3://{bucket}/{wanted.key} ends after {offset} of {wanted.size} bytes",
                    "the storage or what is between cuts it off; run it again",
                )
            if idle:
                time.sleep(min(_PAUSE_S * 2**idle, 5))
        if not encrypted:
            _check_content(s3, bucket, wanted, file)

    return receive


def _check_content(s3: Any, bucket: str, wanted: Object, file: BinaryIO) -> None:
    """Compare what came with the ETag.

    Raises:
        StoreError: It came damaged.
    """
    from botocore.exceptions import ClientError

    def part_size(number: int) -> int | None:
        try:
            answer = s3.head_object(
                Bucket=bucket, Key=wanted.key, PartNumber=number, IfMatch=wanted.etag
            )
        except ClientError:
            return None
        return int(answer["ContentLength"]) if answer.get("PartsCount") else None

    file.flush()
    if etag.contradicts(Path(file.name), wanted.etag, part_size):
        file.truncate(0)
        raise StoreError(
            f"s3://{bucket}/{wanted.key} came damaged: its MD5 is not its ETag",
            "check what is between, run it again",
        )


def _verify(view: Path, blobs: Mapping[str, Path], fetched: Iterable[str]) -> None:
    """Compare what was fetched with the folder's manifest; what differs is fetched anew next."""
    entries, new = Manifest.read(view).files, set(fetched)

    def check(name: str) -> None:
        try:
            Manifest("", "", files={name: entries[name]}).verify(view)
        except StoreError:
            if name in blobs:
                blobs[name].unlink(missing_ok=True)
            raise

    missing = [name for name in entries if name not in blobs]
    _in_parallel(check, [name for name in entries if name in new] + missing)


def _below(folder: Path, key: str) -> Iterator[tuple[str, Path]]:
    """Yield the key and path of each file of a folder."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise StoreError(f"{path} leads out of {folder}", "replace the link by what it names")
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield (f"{key}/{safe_key(name, str(path))}" if key else name), path


def _in_parallel(work: Callable[[str], T], names: list[str]) -> None:
    """Do work for each name; the first error ends it, once what runs has ended."""
    with ThreadPoolExecutor(min(THREADS, len(names) or 1)) as pool:
        jobs = [pool.submit(work, name) for name in names]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
