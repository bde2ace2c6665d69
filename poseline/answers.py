"""What servers answer, bounded: by bytes, by time and by depth, whatever they send."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

Answer = TypeVar("Answer", bound=BaseModel)

MOST_BYTES = 64 << 20
MOST_S = 120.0
_SHOWN = 200


class AnswerError(httpx.RequestError):
    """The answer is larger, slower or of another form than any that is right."""


class BoundedClient:
    """A client of HTTP whose answers have an end.

    A time-out of httpx is for one piece of an answer; here all of it together has one, too.

    Args:
        most_bytes: The longest body, B.
        most_s: The longest time for an answer, s.
        options: Of `httpx.Client`.
    """

    def __init__(
        self, *, most_bytes: int = MOST_BYTES, most_s: float = MOST_S, **options: Any
    ) -> None:
        self._most_bytes, self._most_s = most_bytes, most_s
        self._http = httpx.Client(**options)
        # What nobody asked to be compressed does not unpack to gigabytes.
        self._http.headers["Accept-Encoding"] = "identity"
        self._sockets: list[Any] = []

    @property
    def base_url(self) -> httpx.URL:
        """What paths are relative to."""
        return self._http.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request and return the whole answer.

        Raises:
            httpx.RequestError: There is no answer, or one without end.
            httpx.InvalidURL: The URL is none.
        """
        with self.stream(method, url, **options) as answer:
            body = bytearray()
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > self._most_bytes:
                    size = f"{self._most_bytes / 1e6:.0f} MB"
                    raise AnswerError(f"an answer of more than {size}", request=answer.request)
            return httpx.Response(
                answer.status_code,
                headers=answer.headers,
                content=bytes(body),
                request=answer.request,
                extensions=answer.extensions,
            )

    @contextmanager
    def stream(
        self, method: str, url: str, *, most_s: float | None = None, **options: Any
    ) -> Iterator[httpx.Response]:
        """Send a request; what is read of the answer within the block is bounded by time alone.

        Args:
            method: Of HTTP.
            url: Absolute, or relative to the base.
            most_s: The longest time for all of it, s.
            options: Of `httpx.Client.stream`.
        """
        late = threading.Event()
        seconds = self._most_s if most_s is None else most_s
        timer = threading.Timer(seconds, self._hang_up, [late])
        timer.daemon = True
        timer.start()
        try:
            extensions = {"trace": self._note}
            with self._http.stream(method, url, extensions=extensions, **options) as answer:
                coding = answer.headers.get("content-encoding", "identity")
                if coding.lower() not in ("", "identity"):
                    found = f"an answer compressed by {coding[:_SHOWN]!r}, which was not asked for"
                    raise AnswerError(found, request=answer.request)
                yield answer
        except httpx.RequestError as error:
            if late.is_set():
                found = f"no whole answer within {seconds:.0f} s"
                raise AnswerError(found, request=error.request) from None
            raise
        except (UnicodeError, ValueError) as error:  # what httpx lets through of a bad header
            raise AnswerError(f"an answer that is not HTTP: {error}") from None
        finally:
            timer.cancel()

    def _note(self, event: str, info: dict[str, Any]) -> None:
        """Remember the sockets that are opened; part of httpcore's protocol."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            stream = info["return_value"]
            self._sockets = [s for s in self._sockets if s.fileno() >= 0]
            if (opened := stream.get_extra_info("socket")) is not None:
                self._sockets.append(opened)

    def _hang_up(self, late: threading.Event) -> None:
        late.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def read_json(content: bytes) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: It is none, nested without end, or has numbers of thousands of digits.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested without end") from None


def read_as(kind: type[Answer], content: Any) -> Answer:
    """Return an answer as the model that it must fit.

    Raises:
        ValueError: It does not; says where and what was found there.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        found = repr(first.get("input"))[:_SHOWN]
        raise ValueError(f"{place}: {first['msg']}, and not {found}") from None
    except RecursionError:
        raise ValueError("nested without end") from None
