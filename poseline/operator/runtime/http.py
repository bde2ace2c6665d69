"""/healthz, /readyz and /metrics, in one thread; a client that says nothing does not block it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_LONGEST_S = 5.0
"""From a connection to its end, whatever is sent."""
_MOST = 64
"""Connections at a time; the oldest gives way to the next."""
_MOST_BYTES = 16_384
_TEXT = "text/plain; charset=utf-8"

Check = Callable[[], str]


def serve(listen: str, healthy: Check, ready: Check) -> Callable[[], None]:
    """Answer in a thread.

    Args:
        listen: Address and port, `0.0.0.0:8080`.
        healthy: Returns why the process should be restarted; empty: it is well.
        ready: Returns why it is not ready; empty: it is.

    Returns:
        What ends it.

    Raises:
        OSError: The address cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = _Server(
        socket.create_server((host, int(port)), family=family, backlog=_MOST),
        {"/healthz": healthy, "/readyz": ready},
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=loop.run_until_complete, args=[server.run()], name="web", daemon=True
    )
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(server.ended.set)
        thread.join(_LONGEST_S)
        loop.close()

    return end


class _Server:
    """Answers one request a connection."""

    def __init__(self, listening: socket.socket, checks: dict[str, Check]) -> None:
        self._listening, self._checks = listening, checks
        self._open: dict[asyncio.StreamWriter, None] = {}  # in the order in which they came
        self.ended = asyncio.Event()

    async def run(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._listening, limit=_MOST_BYTES)
        await self.ended.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _MOST:
            next(iter(self._open)).transport.abort()
        self._open[writer] = None
        # What clients do wrong, and an end of theirs or of ours, needs no report.
        with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_LONGEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.partition(b"\r\n")[0].decode("latin-1")))
                await writer.drain()
        self._open.pop(writer, None)
        writer.close()

    def _answer(self, request: str) -> bytes:
        method, _, rest = request.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            answer = _written(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD\n")
        elif path == "/metrics":
            answer = _written(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
        elif path in self._checks:
            fault = self._checks[path]()
            status = HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK
            answer = _written(status, f"{fault or 'ok'}\n".encode())
        else:
            answer = _written(HTTPStatus.NOT_FOUND, b"/healthz, /readyz, /metrics\n")
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == "HEAD" else answer


def _written(status: HTTPStatus, body: bytes, kind: str = _TEXT) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
