"""The client of S3-compatible storage, and its errors in words; boto3 is imported here alone.

Endpoint, region, credentials and CA come from boto3's own chain: AWS_ENDPOINT_URL_S3, AWS_REGION,
AWS_ACCESS_KEY_ID, a profile, AWS_CA_BUNDLE, a web identity token (IRSA), …; or the keys come from
the files of a mounted secret, in the folder that POSELINE_S3_SECRET names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poseline.errors import StoreAwayError, StoreError

_ENDPOINT = "give the endpoint as http://host:port or https://host"
Pairs = tuple[tuple[str, str], ...]

THREADS = 16
"""Requests at a time."""
_RETRIES = 3  # of one request
_SECRET_FILES = {
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID", "accesskey"),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY", "secretkey"),
    "aws_session_token": ("AWS_SESSION_TOKEN",),
}


def client() -> Any:
    """Return an S3 client: bounded waiting, and path-style addresses for an endpoint of one's own.

    It is made anew where the environment or the mounted secret changed.

    Raises:
        StoreError: The mounted secret is incomplete.
    """
    aws = sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_"))
    return _client(os.getpid(), _RETRIES, tuple(aws), tuple(_mounted().items()))


@lru_cache(maxsize=2)
def _client(_process: int, retries: int, aws: Pairs, credentials: Pairs) -> Any:
    import boto3
    from botocore.config import Config

    for name, value in aws:
        if name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") and value:
            _check_endpoint(name, value)
    own = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} & {name for name, _ in aws}
    settings = Config(
        s3={"addressing_style": "path" if own else "auto"},
        retries={"total_max_attempts": 1 + retries, "mode": "standard"},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=2 * THREADS,
        # Newer checksums only where a request demands them: not every storage knows them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.Session(**dict(credentials))
    region = session.region_name or "us-east-1"
    try:
        return session.client("s3", config=settings, region_name=region)
    except ValueError as error:  # botocore's word on an endpoint or a region
        raise StoreError(f"no S3 endpoint: {error}", _ENDPOINT) from None


def _check_endpoint(name: str, value: str) -> None:
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise StoreError(f"{name} is {value.rpartition('@')[2]!r}, which is not a URL", _ENDPOINT)


def _mounted() -> dict[str, str]:
    """Return the credentials of a mounted secret, read anew since a secret may rotate."""
    folder = os.environ.get("POSELINE_S3_SECRET")
    if not folder:
        return {}
    found = {}
    for argument, names in _SECRET_FILES.items():
        files = [path for name in names if (path := Path(folder) / name).is_file()]
        if files:
            found[argument] = files[0].read_text(encoding="utf-8").strip()
    if len(found) < 2:
        needed = ", ".join(" or ".join(names) for names in list(_SECRET_FILES.values())[:2])
        raise StoreError(f"the secret in {folder} is incomplete", f"it needs the files {needed}")
    return found


_REASONS = {
    "NoSuchBucket": ("the bucket does not exist", "check its name and the endpoint"),
    "NoSuchKey": ("there is no such object", "check the key"),
    "AccessDenied": ("access is denied", "check the credentials and the bucket's policy"),
    "403": ("access is denied", "check the credentials and the bucket's policy"),
    "InvalidAccessKeyId": ("the access key is unknown", "check AWS_ACCESS_KEY_ID"),
    "SignatureDoesNotMatch": ("the secret key is wrong", "check AWS_SECRET_ACCESS_KEY"),
    "ExpiredToken": ("the session token has expired", "sign in again"),
    "404": ("there is no such object", "check the key"),
}


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Turn what boto3 raises into a StoreError that names the cause and never a secret."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    try:
        yield
    except boto.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            raise StoreAwayError(f"{place}: the storage answered {code}", "run it again") from None
        reason, remedy = _REASONS.get(code, (f"the storage answered {code}", "run it again"))
        raise StoreError(f"{place}: {reason}", remedy) from None
    except (boto.NoCredentialsError, boto.PartialCredentialsError):
        raise StoreError(
            f"{place}: no credentials",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, POSELINE_S3_SECRET, or "
            "a service account with a role",
        ) from None
    except boto.SSLError as error:
        raise StoreError(
            f"{place}: {_first(error)}", "set AWS_CA_BUNDLE to your CA's file"
        ) from None
    except (boto.EndpointConnectionError, boto.ConnectTimeoutError) as error:
        raise StoreAwayError(
            f"{place}: the endpoint cannot be reached: {_first(error)}",
            "check AWS_ENDPOINT_URL_S3 and the network",
        ) from None
    except ResponseParserError:
        raise StoreError(
            f"{place}: what answers is not an S3 storage",
            "check AWS_ENDPOINT_URL_S3: it names the S3 API, and not a console or a login page",
        ) from None
    except (boto.BotoCoreError, Boto3Error) as error:
        raise StoreError(
            f"{place}: {_first(error)}", "check the endpoint and run it again"
        ) from None


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]
