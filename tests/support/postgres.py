"""A PostgreSQL server for tests, as it is installed: Debian's package `postgresql`."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

_BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"))


@pytest.fixture(scope="session")
def postgres():
    """URL of a server, without the name of a database; it is not run as root."""
    if not (_BIN / "initdb").is_file():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    account = {}
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **account}
    data = folder / "data"
    made = [_BIN / "initdb", "-D", data, "-U", "poses", "--auth=trust", "-N"]
    subprocess.run(made, check=True, **common)
    address = ["-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    server = subprocess.Popen([_BIN / "postgres", "-D", data, *address], **common)
    try:
        _wait(port)
        yield f"postgresql://poses:secret-word@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # it ends sessions that are open
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port):
    import psycopg

    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="poses", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
