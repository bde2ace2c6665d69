"""From a URI to a local path and back."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from poseline.errors import StoreError
from poseline.store.cache import Cache, disk_errors
from poseline.store.manifest import Manifest
from poseline.store.outputs import output_folder
from poseline.store.uri import parse


def fetch(
    uri: str, *, cache: Path | None = None, progress: bool = True, sha256: str | None = None
) -> Path:
    """Return a local path of what a URI names; read it, do not write to it.

    Args:
        uri: A path or file://, which pass untouched; s3:// of a file or a folder; http(s):// of a
            file, where `#sha256=…` may follow. A model comes with its sidecar.
        cache: Folder of what was fetched; `POSELINE_CACHE` or ~/.cache/poseline by default.
        progress: Show a bar where there is a terminal.
        sha256: What the content of a fetched file must be, in hex.

    Raises:
        StoreError: It is not there, may not be read, changed underway, does not fit the disk, or
            differs from its checksum.
    """
    place = parse(uri)
    if place.scheme == "file":
        return Path(place.path)
    if place.scheme == "s3":
        from poseline.store import s3

        return s3.download(place.bucket, place.path, Cache(cache), progress=progress, sha256=sha256)
    from poseline.store import web

    if sha256:
        place = replace(place, sha256=sha256.lower())
    return web.download(place, Cache(cache), progress=progress)


def publish(path: Path, uri: str, *, progress: bool = True) -> None:
    """Put a file or a folder where a URI says; a folder's manifest last.

    What is there already with the same content is not sent again. A file appears whole or not at
    all; a folder is whole once its manifest is there. On this machine a folder replaces one that we
    made, of the same kind, and nothing else.

    Args:
        path: A file or a folder.
        uri: A path, file:// or s3://.
        progress: Show a bar where there is a terminal.

    Raises:
        StoreError: It may not be written there, something of the user's is there, or there is
            nothing to put.
    """
    place = parse(uri)
    if not path.exists():
        raise StoreError(f"{path} is not there", "nothing was put")
    if place.scheme == "s3":
        from poseline.store import s3

        s3.upload(path, place.bucket, place.path, progress=progress)
    elif place.scheme == "file":
        _copy(path, Path(place.path))
    else:
        writable(uri)


def writable(uri: str) -> None:
    """Report that nothing can be put at a URI, before what is to be put is made.

    Raises:
        StoreError: Its scheme is read-only.
    """
    if parse(uri).scheme not in ("s3", "file"):
        raise StoreError(f"{uri}: nothing can be put there", "use a path or s3://bucket/key")


def exists(uri: str) -> bool:
    """Return whether there is a file, or anything in a folder.

    Raises:
        StoreError: The storage does not say.
    """
    place = parse(uri)
    if place.scheme == "file":
        return Path(place.path).exists()
    if place.scheme == "s3":
        from poseline.store import s3

        return s3.exists(place.bucket, place.path)
    from poseline.store import web

    return web.exists(place)


def listing(uri: str) -> dict[str, str]:
    """Return what is below a URI by relative name, and what its content is known by.

    Nothing is fetched: on S3 that is the ETag and the size, elsewhere the size and the time of the
    last change. A file is listed under its own name.

    Raises:
        StoreError: It is not there or cannot be listed.
    """
    place = parse(uri)
    if place.scheme == "s3":
        from poseline.store import s3

        return s3.listing(place.bucket, place.path)
    if place.scheme != "file":
        return {uri.rpartition("/")[2]: uri}  # what a web server says of a file may not be trusted
    root = Path(place.path)
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    if not files:
        what = "holds nothing" if root.exists() else "does not exist"
        raise StoreError(f"{uri} {what}", "check the path")
    base = root.parent if root.is_file() else root
    return {
        file.relative_to(base).as_posix(): f"{status.st_size} {status.st_mtime_ns}"
        for file in files
        if (status := file.stat())
    }


def listing_hash(uri: str) -> str:
    """Return a hash that changes with what is below a URI; nothing is fetched for it.

    Raises:
        StoreError: As `listing`.
    """
    text = "\n".join(f"{name} {known}" for name, known in sorted(listing(uri).items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _copy(path: Path, target: Path) -> None:
    if target.resolve() == path.resolve():
        return
    with disk_errors(f"{path} → {target}", target.parent):
        if path.is_dir():
            with output_folder(target, _kind(path), sources=[path], apart=True) as work:
                shutil.copytree(path, work, dirs_exist_ok=True)
            return
        if os.path.lexists(target) and not target.is_file():
            raise StoreError(f"{target} is not a file", "choose another name; nothing was replaced")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
            Path(shutil.copy2(path, Path(work) / target.name)).replace(target)


def _kind(folder: Path) -> str:
    """Return what a folder of ours is; "" where it has no manifest: then it replaces none."""
    try:
        return Manifest.read(folder).stage
    except StoreError:
        return ""
