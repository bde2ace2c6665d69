import hashlib
import http.server
import threading

import pytest

from poseline.errors import StoreError
from poseline.store import exists, fetch, web


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `content` with ETag and Range; cuts the first `cuts` answers in the middle."""

    content, cuts, gets, sent = b"", 0, 0, 0
    has_range = True

    def do_HEAD(self):
        self._answer(head=True)

    def do_GET(self):
        type(self).gets += 1
        self._answer(head=False)

    def _answer(self, head):
        kind = type(self)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        tag = f'"{hashlib.md5(kind.content).hexdigest()}"'
        start = 0
        ranged = self.headers["Range"]
        if ranged and kind.has_range and self.headers["If-Range"] == tag:
            start = int(ranged.removeprefix("bytes=").rstrip("-"))
        body = kind.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if head:
            return
        if kind.cuts:
            kind.cuts -= 1
            body = body[: len(body) // 2]
        kind.sent += len(body)
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("POSELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("poseline.retry.FIRST_WAIT_S", 0.001)
    handler = type("Site", (Handler,), {"content": bytes(range(256)) * 4000})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}/models/m.tflite?raw=1"
    yield handler
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_model_is_fetched_once(site):
    path = fetch(site.url)
    assert path.name == "m.tflite"
    assert path.read_bytes() == site.content
    assert fetch(site.url) == path
    assert site.gets == 1


def test_another_model_there_is_fetched_anew(site):
    fetch(site.url)
    site.content = b"another"
    assert fetch(site.url).read_bytes() == b"another"


@pytest.mark.parametrize("has_range", [True, False])
def test_a_cut_answer_is_taken_up(site, has_range):
    site.cuts, site.has_range = 2, has_range
    assert fetch(site.url).read_bytes() == site.content
    if has_range:
        assert site.sent == len(site.content)


def test_a_checksum_in_the_uri(site):
    good = hashlib.sha256(site.content).hexdigest()
    for _ in range(2):
        with pytest.raises(StoreError, match="sha256"):
            fetch(f"{site.url}#sha256={'0' * 64}")
    path = fetch(f"{site.url}#sha256={good}")
    gets = site.gets
    assert fetch(f"{site.url}#sha256={good}") == path
    assert site.gets == gets


def test_what_is_missing_or_too_large_is_told(site, monkeypatch):
    missing = site.url.replace("models", "missing")
    assert exists(site.url)
    assert not exists(missing)
    with pytest.raises(StoreError, match="404"):
        fetch(missing)
    monkeypatch.setattr(web, "_MOST_BYTES", 1000)
    with pytest.raises(StoreError, match="larger than"):
        fetch(site.url)


def test_a_server_that_is_gone(site, monkeypatch, capfd):
    path = fetch(site.url)
    monkeypatch.setattr(web, "_open", _refuse)
    assert fetch(site.url) == path
    with pytest.raises(StoreError, match="cannot be fetched"):
        fetch(site.url.replace("m.tflite", "n.tflite"))


def _refuse(*_, **__):
    raise ConnectionRefusedError("gone")
