"""Requests to Kubeflow's REST API v2beta1, and what its answers mean."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from poseline.answers import AnswerError, BoundedClient, read_as, read_json
from poseline.errors import ConfigError, Problem
from poseline.kubeflow.answers import KINDS, Body, Page
from poseline.kubeflow.auth import Bearer
from poseline.kubeflow.errors import (
    DeniedError,
    GarbledError,
    RefusedError,
    UnreachableError,
)
from poseline.kubeflow.refusals import ADDRESS, LATER, LOGIN, error_of
from poseline.retry import retrying

ROOT = "/apis/v2beta1"
_PAGE = 100
_MOST_PAGES = 1000
_MOST_S, _MOST_LIST_S = 60.0, 300.0
_ATTEMPTS = 5
_OTHER = "see what is between here and the server, and whether its version is one of KFP 2"
_HOST = re.compile(r"[\w.-]+|[\da-f:.]+")


class Api:
    """A connection; one thread at a time.

    Args:
        host: URL of the API, without `/apis`; without a scheme it is http.
        auth: Signs the requests.
        ca: File with the certificates that the server's is checked with; None: public CAs, or
            `SSL_CERT_FILE`.
        timeout: The longest wait for an answer or a part of one, s.
        patience: The longest that a GET is tried again, s; 0: once.

    Raises:
        ConfigError: The host is not a URL, or the certificates cannot be read.
    """

    def __init__(
        self,
        host: str,
        *,
        auth: Bearer | None = None,
        ca: Path | None = None,
        timeout: float = 30,
        patience: float = 30,
    ) -> None:
        self.host = _url(host)
        self._patience = patience
        self._http = BoundedClient(
            most_s=max(_MOST_S, timeout),
            base_url=self.host,
            auth=auth,
            # Without TLS nothing is to be checked, and certificates take 0.1 s to load.
            verify=certificates(ca) if ca else self.host.startswith("https:"),
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10)),
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(
        self, path: str, parameters: Mapping[str, Any] | None = None, kind: type[Body] = Body
    ) -> dict[str, Any]:
        """Read an object; tried again while the server is away, for as long as is allowed.

        Raises:
            NotFoundError: It does not exist.
            BackendError: Any other of the errors of this package.
        """
        patiently = retrying(_may_mend, seconds=self._patience, attempts=_ATTEMPTS)
        return patiently(self.send)("GET", path, parameters, kind=kind)

    def pages(
        self, path: str, key: str, parameters: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Read a list, page after page.

        Args:
            path: Of the list.
            key: What the answer calls the items.
            parameters: Further ones of the query.
        """
        query, seen = {"page_size": _PAGE, **(parameters or {})}, set[str]()
        end, place = time.monotonic() + _MOST_LIST_S, f"{self.host}{path}"
        while True:
            answer = self.get(path, query, Page)
            items = answer.get(key) or []
            if not isinstance(items, list):
                raise GarbledError(f"{place}: {key} is not a list")
            for item in items:
                yield _checked(KINDS[key], item, place)
            token = answer["next_page_token"]
            if not token:
                return
            seen.add(token)
            if token == query.get("page_token") or len(seen) > _MOST_PAGES:
                raise GarbledError(f"{place} has no last page")
            if time.monotonic() > end:
                raise GarbledError(f"{place} has no last page within {_MOST_LIST_S:.0f} s")
            query["page_token"] = token

    def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        file: tuple[str, bytes] | None = None,
        kind: type[Body] = Body,
    ) -> dict[str, Any]:
        """Send a request once. After `UnreachableError` nobody knows whether it had its effect.

        Args:
            method: Of HTTP.
            path: Below `/apis/v2beta1`.
            parameters: Of the query; those that are None or empty are left out.
            body: Sent as JSON.
            file: Name and content of an upload.
            kind: What the answer must be.
        """
        query = {name: value for name, value in (parameters or {}).items() if value}
        try:
            answer = self._http.request(
                method,
                ROOT + path,
                params=query,
                json=body,
                files={"uploadfile": (file[0], file[1], "application/yaml")} if file else None,
            )
        except httpx.RequestError as error:
            raise self._no_answer(error) from None
        except httpx.InvalidURL as error:
            raise RefusedError(f"{self.host}{path} is not a URL: {error}") from None
        if answer.is_success:
            return _checked(kind, self._content(answer), f"{self.host}{path}")
        raise error_of(self.host, answer)

    def text(self, path: str) -> str:
        """Read what is not JSON, by its whole path; see `send`."""
        try:
            answer = self._http.request("GET", path)
        except httpx.RequestError as error:
            raise self._no_answer(error) from None
        if not answer.is_success:
            raise error_of(self.host, answer)
        return answer.text

    def _no_answer(self, error: httpx.RequestError) -> UnreachableError:
        if isinstance(error, AnswerError):
            return GarbledError(f"{self.host}: {error}", _OTHER)
        return UnreachableError(f"{self.host} does not answer: {_why(error)}", LATER)

    def _content(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            content = read_json(answer.content)
        except ValueError as error:
            content, why = None, str(error)
        else:
            why = "no object"
        if isinstance(content, dict):
            return content
        if answer.content.lstrip()[:1] in (b"{", b"["):
            raise GarbledError(f"{self.host} answers with JSON that cannot be read: {why}", _OTHER)
        if "html" in answer.headers.get("content-type", ""):
            raise DeniedError(f"{self.host} answers with a page for browsers", LOGIN)
        raise RefusedError(f"{self.host} answers with something else than JSON", ADDRESS)


def _may_mend(error: Exception) -> bool:
    """Return whether the same call may work later."""
    return isinstance(error, UnreachableError) and not isinstance(error, GarbledError)


def _checked(kind: type[Body], content: Any, place: str) -> dict[str, Any]:
    """Return an object of the API once its types are right; what is null there is empty."""
    try:
        return read_as(kind, content).model_dump()
    except (ValueError, RecursionError) as error:
        raise GarbledError(f"{place} answers with something else: {error}", _OTHER) from None


def _url(host: str) -> str:
    written = host if "://" in host else f"http://{host}"
    try:
        url = httpx.URL(written.rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.host) or url.userinfo:
        raise ConfigError(
            [Problem("host", repr(host), "a URL such as http://localhost:8888")], "the command line"
        )
    return str(url).removesuffix(ROOT)


def certificates(path: Path) -> ssl.SSLContext:
    """Return what checks a server's certificate with those of a file.

    Raises:
        ConfigError: The file cannot be read, or holds none.
    """
    try:
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError(
            [Problem(str(path), found, "a file with PEM certificates")], "the command line"
        ) from None


def _why(error: httpx.RequestError) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"{text}; give the CA that signed it by --ca"
    return text or type(error).__name__
