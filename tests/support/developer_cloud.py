"""A double of ST Edge AI Developer Cloud: its sign-in, files, boards, benchmarks and tool.

The paths, fields and states are those of ST's Python interface (`stm32ai_dc`) and of the cloud's
OpenAPI documents. Everything that came in is in `requests`; `fail` breaks what comes next.
"""

import contextlib
import json
import re
import threading
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

USER, PASSWORD, TOKEN, CODE = "someone@example.com", "pa ss&wörd!", "token-of-the-cloud", "c0de"
STATES = ["waiting_for_build", "in_queue", "generating_sources", "flashing", "validation"]
VERSIONS = [
    {"version": "2.0.0", "isLatest": False, "platform": {"stm32": "10.0.0", "stm32mpu": "6.0"}},
    {"version": "3.0.0", "isLatest": True, "platform": {"stm32": "10.2.0", "stm32mpu": "6.1"}},
]
INFO = {
    "graphs": [
        {"nodes": [{"macc": 1000}, {"macc": 234}], "exec_time": {"duration_ms": 12.5, "cycles": 5}}
    ],
    "memory_footprint": {
        "weights": 204800,
        "activations": 102400,
        "io": [27648, 9792],
        "kernel_flash": 51200,
        "kernel_ram": 10240,
        "toolchain_flash": None,
    },
    "validation": {"val_metrics": [{"acc": None, "rmse": 0.000123, "mae": 0.0001}]},
    "environment": {"device": "stm32h747", "tools": [{"version": "2.0.0"}]},
}
LINUX = {
    "board": "stm32mp257f-ev1",
    "exec_time": {"duration_ms": 7.5, "npu_percent": 0.9, "gpu_percent": 0, "cpu_percent": 0.1},
    "model_size": 204800,
    "ram_peak": 10485760,
    "tool_version": {"name": "X", "major": "6", "minor": "0", "micro": "0"},
}
FORM = """<html><form id="search" action="/search"><input name="q"></form>
<form id="fm1" class="x" action="/cas/login?service=a&amp;b=1" method="post">
<input type="hidden" name="lt" value="LT-1&amp;2" /><input type="hidden" name="execution"
value="e1s1"/><input name="username"><input type="password" name="password"></form></html>"""


class Cloud(ThreadingHTTPServer):
    """All three servers in one: the cloud, the provider and the page with the password."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests, self.models, self.queue, self.faults = [], {}, {}, []
        self.boards = ["STM32H747I-DISCO", "STM32MP257F-EV1", "STM32N6570-DK"]
        self.states, self.info, self.form, self.mapping = list(STATES), INFO, FORM, None
        self.password_url = self.home = self.url
        self.end = "done"

    def fail(self, path, *statuses):
        """Answer the next requests of a path with these statuses; 0: the connection is cut."""
        self.faults += [(path, status) for status in statuses]

    def asked(self, method, path):
        """Return what came in: query or form, JSON or file, and the headers."""
        return [one for one in self.requests if one["method"] == method and one["path"] == path]


@contextlib.contextmanager
def serving():
    """Run a double."""
    cloud = Cloud()
    thread = threading.Thread(target=cloud.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        cloud.shutdown()
        cloud.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _answer(self):
        cloud, parts = self.server, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = {
            "method": self.command,
            "path": parts.path,
            "query": dict(parse_qsl(parts.query)),
            "body": body,
            "headers": dict(self.headers),
        }
        cloud.requests.append(asked)
        for fault in cloud.faults:
            if re.fullmatch(fault[0], parts.path):
                cloud.faults.remove(fault)
                if fault[1]:
                    self._send(fault[1], b"<html>Bad gateway</html>", "text/html")
                self.close_connection = True
                return
        for (method, pattern), act in ROUTES.items():
            found = re.fullmatch(pattern, parts.path)
            if method == self.command and found:
                act(self, cloud, asked, *found.groups())
                return
        self._send(404, b"{}")

    def json(self, value, status=200):
        self._send(status, json.dumps(value).encode())

    def redirect(self, to, **query):
        self._send(302, b"", Location=f"{to}?{urlencode(query)}" if query else to)

    def page(self, text):
        self._send(200, text.encode(), "text/html; charset=utf-8")

    def _send(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def authorize(handler, cloud, asked):
    query = asked["query"]
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == f"{cloud.url}/callback"
    handler.redirect(f"{cloud.password_url}/cas/login", service="a")


def login(handler, cloud, asked):
    given = {k: v[0] for k, v in parse_qs(asked["body"].decode()).items()}
    if given.get("lt") != "LT-1&2" or given.get("execution") != "e1s1":
        handler.page("the form is stale")
    elif (given["username"], given["password"]) != (USER, PASSWORD):
        handler.page(
            "You have provided the wrong password. You have 4 attempts left after which your "
            "account password will expire."
        )
    else:
        handler.redirect(f"{cloud.url}/as/resume")


def resume(handler, cloud, _):
    handler.redirect(f"{cloud.home}/callback", code=CODE)


def exchange(handler, cloud, asked):
    given = {k: v[0] for k, v in parse_qs(asked["body"].decode()).items()}
    right = given == {"redirect_url": f"{cloud.url}/callback", "code": CODE}
    handler.json({"access_token": TOKEN, "refresh_token": "r"} if right else {}, 200)


def signed(act):
    def checked(handler, cloud, asked, *groups):
        if asked["headers"].get("Authorization") != f"Bearer {TOKEN}":
            handler.json({"message": "Unauthorized"}, 401)
        else:
            act(handler, cloud, asked, *groups)

    return checked


@signed
def upload(handler, cloud, asked):
    head = f"Content-Type: {asked['headers']['Content-Type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + asked["body"]).get_payload()
    assert part.get_param("name", header="content-disposition") == "file"
    cloud.models[part.get_filename()] = part.get_payload(decode=True)
    handler.json({"upload": True})


@signed
def remove(handler, cloud, _, name):
    handler.json({"deleted": cloud.models.pop(name, None) is not None})


@signed
def boards(handler, cloud, _):
    handler.json({name: {"boardCount": 2, "deviceCpu": "cpu"} for name in cloud.boards})


@signed
def start(handler, cloud, asked, linux, board):
    given = json.loads(asked["body"])
    if given["model"] not in cloud.models or board not in map(str.lower, cloud.boards):
        handler.json({"errors": ["no such model or board"]}, 400)
        return
    number = f"b-{len(cloud.queue) + 1}"
    cloud.queue[number] = [*cloud.states, cloud.end], LINUX if linux else {"info": cloud.info}
    handler.json({"benchmarkId": number, "model": given["model"], "args": given})


@signed
def progress(handler, cloud, _, number):
    states, found = cloud.queue[number]
    state = states.pop(0) if len(states) > 1 else states[0]
    answer = {"state": state, "board": "x"}
    if state == "done":
        answer |= {"benchmark": found, "memoryMapping": cloud.mapping}
    if state == "error":
        answer["message"] = "region RAM overflowed"
    handler.json(answer)


@signed
def forget(handler, cloud, _, number):
    cloud.queue.pop(number)
    handler.json({})


@signed
def generate(handler, cloud, asked, version):
    given = json.loads(parse_qs(asked["body"].decode())["args"][0])
    assert given["model"] in cloud.models
    handler.json({"runtimeId": f"{version}-7"})


@signed
def run(handler, cloud, _, version, number):
    assert number == f"{version}-7"
    done = len(cloud.asked("GET", f"/api/{version}/stm32ai/run/{number}")) > 1
    result = {"url": "/api/file/files/generated/network.zip", "graph": {}, "report": {}}
    handler.json({"state": "done" if done else "running", "result": result if done else None})


@signed
def download(handler, *_):
    handler._send(200, b"PK the code", "application/zip")


ROUTES = {
    ("GET", "/as/authorization.oauth2"): authorize,
    ("GET", "/cas/login"): lambda handler, cloud, _: handler.page(cloud.form),
    ("POST", "/cas/login"): login,
    ("GET", "/as/resume"): resume,
    ("POST", "/api/user_service/login/callback"): exchange,
    ("GET", "/assets/versions.json"): lambda handler, *_: handler.json(VERSIONS),
    ("POST", "/api/file/files/models"): upload,
    ("DELETE", "/api/file/files/models/([^/]+)"): remove,
    ("GET", "/api/benchmark/boards"): boards,
    ("POST", "/api/benchmark/benchmark/(mpu/)?([^/]+)"): start,
    ("GET", "/api/benchmark/benchmark/([^/]+)"): progress,
    ("DELETE", "/api/benchmark/benchmark/([^/]+)"): forget,
    ("POST", "/api/([^/]+)/stm32ai/generate"): generate,
    ("GET", "/api/([^/]+)/stm32ai/run/([^/]+)"): run,
    ("GET", "/api/file/files/generated/network.zip"): download,
}
