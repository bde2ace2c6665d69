"""Answers of servers that go wrong: each ends in one clear error, and soon."""

import gzip
import json
import socketserver
import threading
import time

import pytest

from poseline.errors import BackendError, StoreError
from poseline.kubeflow.client import Kubeflow
from poseline.store import exists, fetch
from poseline.tracking.results import result

RUN = {"run_id": "r", "display_name": "n", "state": "RUNNING"}


class _Raw(socketserver.StreamRequestHandler):
    """Answers each request with bytes as they are, a piece at a time."""

    def handle(self):
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)  # who leaves some of it resets the connection
        try:
            for piece in self.server.pieces():
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass


@pytest.fixture
def serve(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("POSELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("poseline.retry.FIRST_WAIT_S", 0.001)
    servers = []

    def start(pieces):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Raw)
        server.daemon_threads = True
        server.pieces = pieces
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _http(body, *headers, length=None):
    size = len(body) if length is None else length
    head = "\r\n".join(
        ["HTTP/1.1 200 OK", f"Content-Length: {size}", "Connection: close", *headers]
    )
    return lambda: [f"{head}\r\n\r\n".encode(), body]


def _drip(head):
    def pieces():
        yield head
        while True:
            threading.Event().wait(0.1)  # `serve` takes the sleep out of time.sleep
            yield b" "

    return pieces


BODIES = {
    "no JSON": b"hello",
    "nothing": b"",
    "HTML": b"<html>",
    "a list": b"[]",
    "null": b"null",
    "deep": b'{"a":' * 100_000,
    "deep lists": b"[" * 1_000_000,
    "digits": b'{"run_id": ' + b"9" * 5000 + b"}",
    "no id": b"{}",
    "a number for an id": b'{"run_id": 1}',
    "a list for an error": json.dumps(RUN | {"error": [1]}).encode(),
    "a bad time": json.dumps(RUN | {"created_at": "yesterday"}).encode(),
    "a time beyond all": json.dumps(RUN | {"created_at": "9999-12-31T23:59:59-12:00"}).encode(),
    "tasks that are none": json.dumps(RUN | {"run_details": {"task_details": [1]}}).encode(),
    "history that is none": json.dumps(RUN | {"state_history": {"a": 1}}).encode(),
    "no UTF-8": b'{"run_id": "\xff"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_kubeflow_that_answers_otherwise(serve, name):
    url = serve(_http(BODIES[name]))
    with Kubeflow(url, timeout=2, patience=0.2) as kubeflow, pytest.raises(BackendError) as caught:
        kubeflow.run("r")
    assert len(str(caught.value)) < 1500


def test_what_is_null_is_empty(serve):
    body = RUN | {"error": None, "run_details": None, "state_history": None, "created_at": None}
    with Kubeflow(serve(_http(json.dumps(body).encode())), patience=0) as kubeflow:
        run = kubeflow.run("r")
    assert (run.id, run.error, run.tasks, run.created) == ("r", "", (), None)


def test_answers_without_end(serve, monkeypatch):
    monkeypatch.setattr("poseline.kubeflow.api._MOST_S", 1.0)
    start = time.monotonic()
    for pieces in (
        _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{"),
        _drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
    ):
        kubeflow = Kubeflow(serve(pieces), timeout=1, patience=0)
        with kubeflow, pytest.raises(BackendError, match="within 1 s"):
            kubeflow.run("r")
    assert time.monotonic() - start < 10


def test_answers_that_are_too_large(serve):
    endless = b"x" * (1 << 20)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n"
    kubeflow = Kubeflow(serve(lambda: [head, *[endless] * 200]), patience=0)
    with kubeflow, pytest.raises(BackendError, match="more than"):
        kubeflow.run("r")
    bomb = gzip.compress(b"0" * 50_000_000)
    kubeflow = Kubeflow(serve(_http(bomb, "Content-Encoding: gzip")), patience=0)
    with kubeflow, pytest.raises(BackendError, match="compressed"):
        kubeflow.run("r")


def test_a_list_whose_pages_repeat(serve):
    page = json.dumps({"runs": [RUN], "next_page_token": "same"}).encode()
    kubeflow = Kubeflow(serve(_http(page)), patience=0)
    with kubeflow, pytest.raises(BackendError, match="no last page"):
        kubeflow.runs(limit=10_000)


@pytest.mark.parametrize(
    "body",
    [
        b'{"experiments": {"a": 1}}',
        b'{"experiments": [1]}',
        b'{"experiments": [{"experiment_id": null}]}',
        b"[" * 200_000,
        b'{"experiments": [{"experiment_id": "1"}], "runs": [{"info": {}}]}',
        b'{"experiments": [{"experiment_id": "1"}], "runs": [{"info": {"run_id": "1"}, '
        b'"data": {"metrics": [{"key": "a", "value": "x"}]}}]}',
    ],
)
def test_mlflow_that_answers_otherwise(serve, body):
    with pytest.raises(BackendError, match="not an MLflow server"):
        result("c1", serve(_http(body)), timeout=2)


def test_figures_that_are_no_numbers_are_left_out(serve):
    metrics = [{"key": "a", "value": "NaN"}, {"key": "b", "value": 1}]
    run = {"info": {"run_id": "1"}, "data": {"metrics": metrics}}
    body = {"experiments": [{"experiment_id": "1"}], "runs": [run]}
    assert result("c1", serve(_http(json.dumps(body).encode()))).metrics == {"b": 1.0}


@pytest.mark.parametrize(
    "pieces",
    [
        _http(b"x", length="many"),
        _http(b"x", length="-5"),
        _http(b"x", length="1, 2"),
        _http(b"x", "Content-Length: 7"),
        _http(b"damaged", "Content-MD5: XUFAKrxLKna5cZ2REBfFkg=="),
        _http(b"damaged", 'ETag: "5d41402abc4b2a76b9719d911017c592"', "x-amz-request-id: 1"),
        lambda: [b"HTTP/1.1 307 Moved\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"],
        lambda: [
            b"HTTP/1.1 302 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
        ],
        lambda: [b"HTTP/1.1 302 Moved\r\nLocation: http://[::1/a\r\nContent-Length: 0\r\n\r\n"],
        lambda: [b"\x00\x01\x02 no HTTP\r\n\r\n"],
        lambda: [b""],
    ],
)
def test_a_web_server_that_answers_otherwise(serve, pieces):
    url = f"{serve(pieces)}/m.tflite"
    with pytest.raises(StoreError):
        fetch(url)


def test_whether_something_is_there(serve):
    with pytest.raises(StoreError):
        exists(f"{serve(lambda: [b'junk'])}/m")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tag": 1, "sha256": []}', "[" * 100_000])
def test_a_note_in_the_cache_that_is_cut_off(serve, tmp_path, content):
    url = f"{serve(_http(b'right'))}/m.tflite"
    fetch(url)
    (note,) = (tmp_path / "cache" / "blobs").rglob("*.json")
    note.write_text(content)
    assert fetch(url).read_bytes() == b"right"


@pytest.mark.parametrize(
    "uri", ["http://[::1/a", "http://h:port/a", "http://", "http:///a", "s3://[/a", "a\0b"]
)
def test_uris_that_are_none(uri):
    with pytest.raises(StoreError):
        fetch(uri)


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://h", "http://", "http://[::1", "/a"])
def test_an_endpoint_that_is_no_url(endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(StoreError, match="http://host:port"):
        exists("s3://bucket/key")


def test_html_in_place_of_a_listing(serve, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", serve(_http(b"<html><body>hi</body></html>")))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(StoreError, match="endpoint"):
        fetch("s3://bucket/set")


def test_an_object_of_the_right_length_with_other_bytes(serve, monkeypatch):
    moment = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
    headers = ('ETag: "5d41402abc4b2a76b9719d911017c592"', moment)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", serve(_http(b"damaged", *headers)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(StoreError, match="its MD5 is not its ETag"):
        fetch("s3://bucket/labels.txt")
