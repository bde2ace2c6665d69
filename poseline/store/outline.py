"""A folder that has the names of a remote one, and of its content no more than is asked for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copyfile

from poseline.errors import StoreError
from poseline.store.cache import disk_errors
from poseline.store.s3_client import THREADS
from poseline.store.transfer import fetch
from poseline.store.uri import parse, safe_key


def outline(uri: str, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Make a folder that has every file below a URI: those that are wanted, and the others empty.

    Args:
        uri: s3:// of a folder.
        folder: An empty folder.
        wanted: Of the name of a file relative to the folder: whether it comes with its content.

    Raises:
        StoreError: It cannot be listed, a file cannot be fetched, or its name leads elsewhere.
    """
    from poseline.store import s3

    place = parse(uri)
    full, found = list[str](), False
    with disk_errors(uri, folder):
        for entry in s3.entries(place.bucket, place.path):
            found = True
            name = safe_key(entry.key, f"{uri}/{entry.key}")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if wanted(name):
                full.append(name)
            else:
                (folder / name).touch()
        if not found:
            raise StoreError(f"{uri} holds nothing", "check the bucket and the key")

        def get(name: str) -> None:
            copyfile(fetch(f"{uri.rstrip('/')}/{name}", progress=False), folder / name)

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(get, full):
                pass
