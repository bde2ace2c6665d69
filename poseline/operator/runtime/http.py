"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

Environment = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        pass


def serve(listen: str, healthy: Callable[[], str], ready: Callable[[], str]) -> Callable[[], None]:
    """Answer in a thread.

    Args:
        listen: Address and port, `0.0.0.0:8080`.
        healthy: Returns why the process should be restarted; empty: it is well.
        ready: Returns why it is not ready; empty: it is.

    Returns:
        What ends it.
    """
    metrics = make_wsgi_app()
    checks = {"/healthz": healthy, "/readyz": ready}

    def application(environment: Environment, start: Start) -> Iterable[bytes]:
        path = environment["PATH_INFO"]
        if path == "/metrics":
            content: Iterable[bytes] = metrics(environment, start)
            return content
        if path not in checks:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/healthz, /readyz, /metrics\n"]
        fault = checks[path]()
        status = "503 Service Unavailable" if fault else "200 OK"
        start(status, [("Content-Type", "text/plain")])
        return [f"{fault or 'ok'}\n".encode()]

    host, _, port = listen.rpartition(":")
    server = make_server(
        host.strip("[]"), int(port), application, server_class=_Server, handler_class=_Quiet
    )
    threading.Thread(target=server.serve_forever, name="web", daemon=True).start()

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end
