"""What is in S3-compatible storage: an object, or all below a prefix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from poseline.errors import StoreError
from poseline.store.uri import safe_key

_MODELS = (".h5", ".keras", ".tflite", ".onnx")
_MOST_PAGES = 10_000  # of 1,000 objects


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


def find(s3: Any, bucket: str, key: str) -> tuple[bool, dict[str, Object]]:
    """Return whether the key is an object, and what is to be fetched by relative path.

    Raises:
        StoreError: There is nothing, or a key that leads out of its prefix.
    """
    if key and (found := head(s3, bucket, key)):
        name = key.rpartition("/")[2]
        sidecar = head(s3, bucket, f"{key}.json") if name.endswith(_MODELS) else None
        return True, {name: found} | ({f"{name}.json": sidecar} if sidecar else {})
    prefix = f"{key}/" if key else ""
    below = {o.key.removeprefix(prefix): o for o in list_below(s3, bucket, key)}
    if not below:
        raise StoreError(f"s3://{bucket}/{key} holds nothing", "check the bucket and the key")
    for name, entry in below.items():
        safe_key(name, f"s3://{bucket}/{entry.key}")
    return False, below


def head(s3: Any, bucket: str, key: str) -> Object | None:
    """Return the object of that key; None where there is none, or only a folder's marker."""
    try:
        answer = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # 403 is what a missing key gives without the right to list; the listing shows it.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    is_directory = answer.get("ContentType") == "httpd/unix-directory"
    return None if is_directory else Object.of(key, answer)


def list_below(s3: Any, bucket: str, key: str) -> Iterator[Object]:
    """Yield the objects below a prefix, without markers of folders.

    Raises:
        StoreError: What answers is not an S3 storage.
    """
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
