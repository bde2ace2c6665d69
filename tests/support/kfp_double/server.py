"""A server that speaks Kubeflow Pipelines' REST API v2beta1, and fails on demand.

`python -m support.kfp_double.server --port 0 --pace 0.5` in tests/ prints its URL as JSON. Beside
the API: `POST /_faults` (a list of faults, see `Fault`), `DELETE /_faults`, `GET /_state` (what is
stored, requests counted by method and path), `POST /_runs/<id>` ({"state", "tasks", "fails"}),
`POST /_recurring/<id>` (a run of it is due), `POST /_tokens` (those that are accepted; none: all),
`POST /_logs` ({pod: text}).
"""

import argparse
import contextlib
import email
import email.policy
import functools
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from support.kfp_double.facts import EXISTS, HTTP, UNAUTHENTICATED, ApiError, GatewayError
from support.kfp_double.objects import Objects
from support.kfp_double.routes import ROOT, ROUTES
from support.kfp_double.specs import read_package


@dataclass
class Fault:
    """What happens to the next `count` requests that match.

    kind: `status` (answer `status` without effect), `cut_before` and `cut_after` (the connection
    ends without an answer, before or after the effect), `late` (it ends at once, the effect comes
    `delay` s later), `held` (it ends at once, the effect comes by `Server.release`), `slow` (the
    answer comes `delay` s later), `html` (a login page), `redirect` (to a login page), `plain` (a
    proxy's own error page).
    """

    kind: str
    method: str = ""
    path: str = ""
    count: int = 1
    status: int = 503
    delay: float = 1.0


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port=0, pace=None, multi_user=False, page=20):
        super().__init__(("127.0.0.1", port), Handler)
        self.objects = Objects(pace, multi_user, page)
        self.lock = threading.RLock()
        self.counts, self.faults, self.tokens, self.seen = Counter(), [], set(), []
        self.held = []
        self.observe = lambda objects: None  # called after each request
        self.url = f"http://127.0.0.1:{self.server_port}"

    def fail(self, kind, **settings):
        self.faults.append(Fault(kind, **settings))

    def release(self):
        """Let requests that were held have their effect."""
        while self.held:
            self.held.pop()()

    def count(self, method, pattern):
        """Return how many requests had an effect or an answer: those that came in."""
        return sum(
            n for (m, path), n in self.counts.items() if m == method and re.fullmatch(pattern, path)
        )

    def handle_error(self, request, client_address):
        pass  # a client that went away


@contextlib.contextmanager
def serving(**settings):
    server = Server(**settings)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet

    def do_GET(self):
        self._handle()

    def do_POST(self):
        self._handle()

    def do_DELETE(self):
        self._handle()

    def log_message(self, *_):
        pass

    def _handle(self):
        self.split = urlsplit(self.path)
        self.query = dict(parse_qsl(self.split.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.split.path.startswith("/_"):
            return self._control(json.loads(body or b"null"))
        server = self.server
        with server.lock:
            server.counts[self.command, self.split.path] += 1
            fault = self._fault()
        kind = fault.kind if fault else ""
        if kind == "cut_before":
            return self._cut()
        if kind == "status":
            error = ApiError(14, "the server is in trouble").body()
            return self._answer(fault.status, error)
        if kind in ("html", "plain"):
            page = b"<html><form>Log in</form></html>"
            return self._send(200 if kind == "html" else fault.status, page, "text/html")
        if kind == "redirect":
            return self._send(302, b"", "text/html", {"Location": "/dex/auth?client_id=x"})
        if kind == "held":
            server.held.append(functools.partial(self._serve, body))
            return self._cut()
        if kind == "late":
            threading.Timer(fault.delay, self._serve, (body,)).start()
            return self._cut()
        status, content = self._serve(body)
        if kind == "cut_after":
            return self._cut()
        if kind == "slow":
            time.sleep(fault.delay)
        return self._answer(status, content)

    def _fault(self):
        for fault in self.server.faults:
            if (
                fault.count
                and fault.method in ("", self.command)
                and re.search(fault.path, self.split.path)
            ):
                fault.count -= 1
                return fault
        return None

    def _serve(self, body):
        upload = self.split.path.startswith(f"{ROOT}/pipelines/upload")
        try:
            with self.server.lock:
                self._authenticate()
                answer = self._upload(body) if upload else self._route(body)
                self.server.observe(self.server.objects)
                return 200, answer
        except ApiError as error:
            if upload:
                text = error.inner
                return 400 if error.code == UNAUTHENTICATED else HTTP[error.code], {
                    "error_message": text,
                    "error_details": text,
                }
            return HTTP[error.code], error.body()
        except LookupError:
            return 404, {"code": 5, "message": "Not Found", "details": []}

    def _authenticate(self):
        if not self.server.tokens:
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.seen.append(token)
        if token not in self.server.tokens:
            raise ApiError(
                UNAUTHENTICATED,
                "Request header error: Failed to authenticate token",
                "Failed to check authorization",
            )

    def _upload(self, body):
        objects, query = self.server.objects, self.query
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        parts = message.iter_parts() if message.is_multipart() else ()
        named = {p.get_param("name", header="content-disposition"): p for p in parts}
        file = named.get("uploadfile")
        if file is None:
            raise ApiError(3, "Failed to create a pipeline version")
        name = query.get("name") or query.get("display_name") or file.get_filename()
        try:
            spec, platform = read_package(file.get_payload(decode=True))
        except ValueError as error:
            raise ApiError(3, str(error)) from None
        display, about = query.get("display_name", ""), query.get("description", "")
        if self.split.path.endswith("/upload_version"):
            if query.get("pipelineid") not in objects.pipelines:
                raise ApiError(3, "Failed to create a pipeline version")
            return objects.create_version(query["pipelineid"], name, display, about, spec, platform)
        try:
            made = objects.create_pipeline(
                {
                    "name": name,
                    "display_name": display,
                    "description": about,
                    "namespace": query.get("namespace", ""),
                }
            )
        except ApiError as error:
            if error.code == EXISTS:
                error.inner = "Failed to create a pipeline and a pipeline version"
            raise
        objects.create_version(made["pipeline_id"], name, display, about, spec, platform)
        return made

    def _route(self, body):
        path = self.split.path
        for method, pattern, serve in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                try:
                    content = json.loads(body) if body else {}
                except ValueError:
                    raise GatewayError(3, "proto: syntax error") from None
                return serve(
                    self.server.objects, self.query, content, *map(unquote, match.groups())
                )
        raise LookupError(path)

    def _control(self, content):
        server, name = self.server, self.split.path
        with server.lock:
            objects = server.objects
            if name == "/_faults":
                server.faults = [Fault(**one) for one in content or []]
            elif name == "/_tokens":
                server.tokens = set(content)
            elif name == "/_logs":
                objects.logs.update(content)
            elif name.startswith("/_runs/"):
                objects.settle(name.rpartition("/")[2], dict(content))
            elif name.startswith("/_recurring/"):
                return self._answer(200, _due(objects, name.rpartition("/")[2]))
            counts = {f"{m} {p}": n for (m, p), n in server.counts.items()}
            runs = [objects.look(run_id) for run_id in objects.runs]
            return self._answer(
                200,
                {
                    "counts": counts,
                    "runs": runs,
                    "recurring": list(objects.recurring.values()),
                    "versions": list(objects.versions.values()),
                },
            )

    def _answer(self, status, content):
        if isinstance(content, str):
            return self._send(status, content.encode(), "text/plain")
        return self._send(status, json.dumps(_populated(content)).encode(), "application/json")

    def _send(self, status, content, kind, headers=None):
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in {"Content-Type": kind, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)


def _due(objects, recurring_id):
    one = objects.recurring[recurring_id]
    taken = (
        "experiment_id",
        "pipeline_version_reference",
        "runtime_config",
        "recurring_run_id",
        "service_account",
    )
    name = f"{one['display_name']}-{len(objects.runs)}"
    return objects.create_run({"display_name": name} | {key: one[key] for key in taken})


def _populated(content):
    """Leave out what is empty, as the server's protojson does; parameters are as they were."""
    if isinstance(content, dict):
        whole = ("parameters", "pipeline_spec", "code", "trigger", "multi_user")
        kept = {k: v if k in whole else _populated(v) for k, v in content.items()}
        empty = ("", None, [], {}, False, 0)
        return {k: v for k, v in kept.items() if v not in empty or k in ("trigger", "multi_user")}
    return [_populated(v) for v in content] if isinstance(content, list) else content


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pace", type=float, default=None)
    parser.add_argument("--multi-user", action="store_true")
    settings = parser.parse_args()
    started = Server(settings.port, settings.pace, settings.multi_user)
    print(json.dumps({"url": started.url}), flush=True)  # noqa: T201
    started.serve_forever()
