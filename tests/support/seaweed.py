"""A real S3 server, SeaweedFS, on loopback, and a proxy that spoils connections to it."""

import contextlib
import json
import shutil
import socket
import subprocess
import sysconfig
import threading
import time

import pytest

ADMIN = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "admin-secret"}
READER = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret"}
BUCKET = "poses"


def _identity(name, *actions):
    keys = [{"accessKey": name, "secretKey": f"{name}-secret"}]
    return {"name": name, "credentials": keys, "actions": list(actions)}


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@pytest.fixture(scope="session")
def weed(tmp_path_factory):
    """The server's port; one server for all tests, with a folder of its own."""
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    program = program or pytest.skip("SeaweedFS is not installed")
    folder = tmp_path_factory.mktemp("weed")
    identities = [
        _identity("admin", "Admin", "Read", "Write", "List"),
        _identity("reader", f"Read:{BUCKET}", f"List:{BUCKET}"),
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    names = ("s3", "master", "volume", "filer")
    ports = free_ports(8)
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=False)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=False)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                program,
                "server",
                "-s3",
                "-filer",
                "-ip=127.0.0.1",
                f"-dir={folder}",
                f"-s3.config={folder / 's3.json'}",
                "-volume.max=200",  # a bucket takes seven
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=64",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                *flags,
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        _wait_for_bucket(ports[0], folder / "log")
        yield ports[0]
    finally:
        server.kill()
        server.wait(20)


def _wait_for_bucket(port, log):
    import boto3
    from botocore.config import Config

    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="admin",
        aws_secret_access_key="admin-secret",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            connect_timeout=1,
            read_timeout=5,
        ),
    )
    for _ in range(150):
        try:
            s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="ready", Body=b"yes")
            return
        except Exception:
            time.sleep(0.2)
    pytest.fail(f"SeaweedFS did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def storage(weed, monkeypatch, tmp_path):
    """The bucket, with credentials to write it and a cache of one's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{weed}")
    monkeypatch.setenv("POSELINE_CACHE", str(tmp_path / "cache"))
    for name, value in ADMIN.items():
        monkeypatch.setenv(name, value)
    return BUCKET


class Proxy:
    """Passes TCP on, counts what comes back, and cuts connections on demand.

    Attributes:
        received: Bytes from the server.
        sent: Bytes to the server.
        cuts: Connections that are still to be cut, each after `after` bytes from the server, or
            to it with `cut_sending`.
        slow: Pause after each 64 KB from the server, s.
        change: What becomes of the bytes from the server.
    """

    change = staticmethod(lambda data: data)

    def __init__(self, port, listen=("127.0.0.1", 0)):
        self.target, self.received, self.sent = port, 0, 0
        self.cuts, self.after, self.cut_sending, self.slow = 0, 0, False, 0.0
        self._lock = threading.Lock()
        self._server = socket.create_server(listen)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._server.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            state = {"seen": 0}
            for source, sink, back in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(source, sink, back, state), daemon=True
                ).start()

    def _pump(self, source, sink, back, state):
        try:
            while data := source.recv(65536):
                with self._lock:
                    if back:
                        data = self.change(data)
                        self.received += len(data)
                    else:
                        self.sent += len(data)
                    if back != self.cut_sending:
                        state["seen"] += len(data)
                        if self.cuts and state["seen"] > self.after:
                            self.cuts -= 1
                            break
                sink.sendall(data)
                time.sleep(self.slow if back else 0)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(storage, weed, monkeypatch):
    made = Proxy(weed)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{made.port}")
    yield made
    made.close()
