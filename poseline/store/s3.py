"""S3-compatible storage; the only module that imports boto3.

Endpoint, region, credentials and CA come from boto3's own chain: AWS_ENDPOINT_URL_S3, AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_CA_BUNDLE, a mounted web identity token, ….
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from poseline.errors import StoreError

_THREADS = 16


def client() -> Any:
    """Return an S3 client: path-style addresses, bounded waiting, botocore's own retries."""
    import boto3
    from botocore.config import Config

    settings = Config(
        s3={"addressing_style": "path"}, retries={"max_attempts": 5, "mode": "standard"},
        connect_timeout=10, read_timeout=60, max_pool_connections=2 * _THREADS,
    )  # fmt: skip
    return boto3.client("s3", config=settings)


def download(bucket: str, key: str, target: Path) -> Path:
    """Fetch an object, or every object below a prefix; those that are there already stay.

    An object that is there with the same size and ETag is not fetched again; each appears whole
    or not at all.

    Raises:
        StoreError: There is nothing, or it may not be read; names the cause.
    """
    found = _errors(bucket, key, lambda: _list(bucket, key))
    if not found:
        raise StoreError(f"s3://{bucket}/{key} holds nothing", "check the bucket and the key")
    jobs = [(entry, target / name if name else target) for name, entry in found.items()]
    s3 = client()
    bar = tqdm(total=sum(e["Size"] for e, _ in jobs), unit="B", unit_scale=True, leave=False,
               desc=f"s3://{bucket}", disable=not sys.stderr.isatty())  # fmt: skip

    def one(job: tuple[dict[str, Any], Path]) -> None:
        entry, path = job
        mark = path.with_name(f".{path.name}.etag")
        if path.is_file() and mark.is_file() and mark.read_text() == entry["ETag"]:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        s3.download_file(bucket, entry["Key"], str(partial))
        partial.replace(path)
        mark.write_text(entry["ETag"])
        bar.update(entry["Size"])

    with ThreadPoolExecutor(_THREADS) as pool:
        _errors(bucket, key, lambda: list(pool.map(one, jobs)))
    bar.close()
    return target


def upload(path: Path, bucket: str, key: str) -> None:
    """Put a file, or every file of a folder below a prefix; a manifest goes last.

    Raises:
        StoreError: The bucket is missing or may not be written.
    """
    s3 = client()
    if path.is_file():
        _errors(bucket, key, lambda: s3.upload_file(str(path), bucket, key))
        return
    files = sorted(p for p in path.rglob("*") if p.is_file())
    last = [p for p in files if p.name == "manifest.json"]

    def put(file: Path) -> None:
        s3.upload_file(str(file), bucket, f"{key.rstrip('/')}/{file.relative_to(path).as_posix()}")

    with ThreadPoolExecutor(_THREADS) as pool:
        _errors(bucket, key, lambda: list(pool.map(put, [p for p in files if p not in last])))
    _errors(bucket, key, lambda: list(map(put, last)))


def _list(bucket: str, key: str) -> dict[str, dict[str, Any]]:
    """Return the objects by their place below the key; the empty place is the key itself."""
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found = {}
    for page in pages:
        for entry in page.get("Contents", []):
            name = entry["Key"].removeprefix(key)
            if name and not key.endswith("/") and not name.startswith("/") and key:
                continue  # another key that begins alike
            name = name.lstrip("/")
            if ".." in PurePosixPath(name).parts or "\\" in name:
                raise StoreError(f"s3://{bucket}/{entry['Key']} leaves its prefix")
            if not entry["Key"].endswith("/"):
                found[name] = entry
    return found


def _errors(bucket: str, key: str, call: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    place = f"s3://{bucket}/{key}"
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        reasons = {
            "NoSuchBucket": ("the bucket does not exist", "check its name and the endpoint"),
            "AccessDenied": ("access is denied", "check the credentials and the bucket's policy"),
            "InvalidAccessKeyId": ("the access key is unknown", "check AWS_ACCESS_KEY_ID"),
            "SignatureDoesNotMatch": ("the secret key is wrong", "check AWS_SECRET_ACCESS_KEY"),
            "403": ("access is denied", "check the credentials and the bucket's policy"),
            "404": ("there is no such object", "check the key"),
        }
        reason, remedy = reasons.get(code, (f"{code} {error}", ""))
        raise StoreError(f"{place}: {reason}", remedy) from None
    except BotoCoreError as error:
        raise StoreError(
            f"{place}: {error}",
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a storage of your own, "
            "AWS_ENDPOINT_URL_S3",
        ) from None
    except OSError as error:
        raise StoreError(f"{place}: {error}", "check the room on the disk") from None
