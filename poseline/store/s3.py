"""Files, folders and models from and to S3-compatible storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from poseline.errors import StoreError
from poseline.store import s3_objects
from poseline.store.cache import Cache, disk_errors
from poseline.store.manifest import MANIFEST, Manifest
from poseline.store.progress import bar
from poseline.store.s3_client import THREADS, client, translate_errors
from poseline.store.s3_objects import Object
from poseline.store.s3_receive import Receiver
from poseline.store.uri import safe_key

T = TypeVar("T")


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
        single, found = s3_objects.find(s3, bucket, key)
        identity = (s3.meta.endpoint_url, bucket)
        blobs = {name: cache.blob(*identity, o.key, o.etag, o.size) for name, o in found.items()}
        wanted = [name for name in found if not blobs[name].exists()]
        total = sum(found[name].size for name in wanted)
        cache.need(total, shown)
        with bar(total, shown, show=progress) as shown_bar:

            def get(name: str) -> None:
                target = found[name]
                receive = Receiver(s3, bucket, target, shown_bar.update)
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
        if path.is_dir():
            there = {entry.key: entry for entry in s3_objects.list_below(s3, bucket, key)}
        else:
            entry = s3_objects.head(s3, bucket, key)
            there = {key: entry} if entry else {}
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
        if key and s3_objects.head(s3, bucket, key):
            return True
        prefix = f"{key}/" if key else ""
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        return bool(answer.get("KeyCount"))


def listing(bucket: str, key: str) -> dict[str, str]:
    """Return the ETag and size of each object below a prefix, or of the object of that key."""
    with translate_errors(f"s3://{bucket}/{key}"):
        _, found = s3_objects.find(client(), bucket, key)
    return {name: f"{entry.etag} {entry.size}" for name, entry in found.items()}


def entries(bucket: str, key: str) -> Iterator[Object]:
    """Yield each object below a prefix, or that of the key itself, under its relative name."""
    prefix = f"{key}/" if key else ""
    with translate_errors(f"s3://{bucket}/{key}"):
        s3 = client()
        if key and (single := s3_objects.head(s3, bucket, key)):
            yield replace(single, key=key.rpartition("/")[2])
            return
        for found in s3_objects.list_below(s3, bucket, key):
            yield replace(found, key=found.key.removeprefix(prefix))


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
