"""Removal of what is no longer wanted."""

from __future__ import annotations

from pathlib import Path

from poseline.errors import StoreError
from poseline.store.cache import disk_errors
from poseline.store.uri import parse


def remove(uri: str) -> None:
    """Remove a file; it need not be there.

    Args:
        uri: A path, file:// or s3:// of one object.

    Raises:
        StoreError: It may not be removed.
    """
    place = parse(uri)
    if place.scheme == "s3":
        from poseline.store import s3_client

        with s3_client.translate_errors(uri):
            s3_client.client().delete_object(Bucket=place.bucket, Key=place.path)
    elif place.scheme == "file":
        path = Path(place.path)
        with disk_errors(uri, path.parent):
            path.unlink(missing_ok=True)
    else:
        raise StoreError(f"{uri}: nothing can be removed there", "use a path or s3://bucket/key")
