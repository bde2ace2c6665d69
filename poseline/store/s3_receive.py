"""Receives an object of S3-compatible storage, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from poseline.errors import StoreError
from poseline.retry import retrying
from poseline.store import etag
from poseline.store.s3_objects import Object

_CHUNK = 1 << 20
_ATTEMPTS = 7  # to get on with an object, without a byte of progress


class _StalledError(StoreError):
    """The storage answers without a byte of what is missing."""


class Receiver:
    """Receives one object.

    Args:
        s3: A client.
        bucket: The bucket.
        wanted: The object as it was listed; another that took its place is refused.
        count: Called with the number of bytes that came.
    """

    def __init__(self, s3: Any, bucket: str, wanted: Object, count: Callable[[int], Any]) -> None:
        self._s3, self._bucket, self._wanted, self._count = s3, bucket, wanted, count
        self._uri = f"s3://{bucket}/{wanted.key}"
        self._has_own_etag = True

    def __call__(self, file: BinaryIO, offset: int) -> None:
        """Write the rest of the object, from an offset in bytes, and compare it with its ETag.

        Raises:
            StoreError: It changed meanwhile, came damaged, or stopped coming.
            BotoCoreError: The storage does not answer.
            ClientError: It refuses.
        """
        if offset > self._wanted.size:
            file.truncate(offset := 0)
        self._count(offset)
        while offset < self._wanted.size:
            offset = self._receive(file, offset)
        if self._has_own_etag:
            self._check_content(file)

    @retrying((BotoCoreError, _StalledError), attempts=_ATTEMPTS)
    def _receive(self, file: BinaryIO, start: int) -> int:
        """Write what one answer brings, at least a byte; return the offset after it."""
        offset = start
        try:
            answer = self._s3.get_object(
                Bucket=self._bucket,
                Key=self._wanted.key,
                Range=f"bytes={start}-",
                IfMatch=self._wanted.etag,
            )
            self._has_own_etag &= not etag.of_something_else(answer)
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                file.write(chunk)
                offset += len(chunk)
                self._count(len(chunk))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412, 416):
                file.truncate(0)
                raise StoreError(
                    f"{self._uri} changed while it was fetched", "run it again"
                ) from None
            raise
        except BotoCoreError:
            if offset == start:
                raise
        if offset == start:
            raise _StalledError(
                f"{self._uri} ends after {offset} of {self._wanted.size} bytes",
                "the storage or what is between cuts it off; run it again",
            )
        return offset

    def _check_content(self, file: BinaryIO) -> None:
        """Compare what came with the ETag.

        Raises:
            StoreError: It came damaged.
        """

        def part_size(number: int) -> int | None:
            try:
                answer = self._s3.head_object(
                    Bucket=self._bucket,
                    Key=self._wanted.key,
                    PartNumber=number,
                    IfMatch=self._wanted.etag,
                )
            except ClientError:
                return None
            return int(answer["ContentLength"]) if answer.get("PartsCount") else None

        file.flush()
        if etag.contradicts(Path(file.name), self._wanted.etag, part_size):
            file.truncate(0)
            raise StoreError(
                f"{self._uri} came damaged: its MD5 is not its ETag",
                "check what is between, then run it again",
            )
