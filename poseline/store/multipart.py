"""Uploads: small files in one piece, large ones in parts that a later attempt goes on with."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from poseline.store import etag

_PART = 8 << 20
_MOST_PARTS = 9000
_THREADS = 4


def put(
    s3: Any,
    path: Path,
    bucket: str,
    key: str,
    known: tuple[str, int] | None,
    count: Callable[[int], Any],
) -> None:
    """Put one file; atomic, since S3 shows an object when it is whole.

    Args:
        s3: A client.
        path: The file.
        bucket: The bucket.
        key: The key.
        known: ETag and size of the object that is there, from a listing.
        count: Called with the number of bytes that are done.
    """
    size = path.stat().st_size
    if size > _PART:
        _Multipart(s3, path, bucket, key).put(known, count)
        return
    content = path.read_bytes()
    if known != (etag.of_content(content), size):
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    count(size)


class _Multipart:
    """A file in parts; part n is the same bytes in every attempt: its MD5 shows if it is there."""

    def __init__(self, s3: Any, path: Path, bucket: str, key: str) -> None:
        self._s3, self._path = s3, path
        self._place = {"Bucket": bucket, "Key": key}
        self._size = path.stat().st_size
        self._part = max(_PART, math.ceil(self._size / _MOST_PARTS))
        self._parts = range(1, math.ceil(self._size / self._part) + 1)

    def put(self, known: tuple[str, int] | None, count: Callable[[int], Any]) -> None:
        if known and known[1] == self._size and known[0] == self._etag():
            count(self._size)
            return
        upload = self._unfinished() or self._s3.create_multipart_upload(**self._place)["UploadId"]
        there = self._there(upload)

        def send(number: int) -> dict[str, Any]:
            content = self._read(number)
            tag = etag.of_content(content)
            if there.get(number) != (tag, len(content)):
                tag = self._s3.upload_part(
                    **self._place, UploadId=upload, PartNumber=number, Body=content
                )["ETag"]
            count(len(content))
            return {"PartNumber": number, "ETag": tag}

        with ThreadPoolExecutor(_THREADS) as pool:
            parts = list(pool.map(send, self._parts))
        self._s3.complete_multipart_upload(
            **self._place, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def _read(self, number: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek((number - 1) * self._part)
            return file.read(self._part)

    def _etag(self) -> str:
        """Return the ETag that S3 gives to an upload of these parts."""
        return etag.of_parts(self._path, [self._part] * len(self._parts))

    def _unfinished(self) -> str | None:
        """Return the newest upload of this key that was not finished."""
        answer = self._s3.list_multipart_uploads(
            Bucket=self._place["Bucket"], Prefix=self._place["Key"]
        )
        uploads = [u for u in answer.get("Uploads", []) if u["Key"] == self._place["Key"]]
        newest = max(uploads, key=lambda upload: upload["Initiated"], default=None)
        return str(newest["UploadId"]) if newest else None

    def _there(self, upload: str) -> dict[int, tuple[str, int]]:
        pages = self._s3.get_paginator("list_parts").paginate(**self._place, UploadId=upload)
        return {
            part["PartNumber"]: (part["ETag"], part["Size"])
            for page in pages
            for part in page.get("Parts", [])
        }
