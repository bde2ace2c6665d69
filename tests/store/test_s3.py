import os
import shutil
import socket
import subprocess
import sysconfig
import time

import pytest

from poseline.errors import StoreError
from poseline.store import fetch, s3


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A real S3 server, SeaweedFS, on loopback."""
    weed = shutil.which("weed", path=sysconfig.get_path("scripts"))
    weed = weed or pytest.skip("SeaweedFS is not installed")
    folder = tmp_path_factory.mktemp("weed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = probe.getsockname()[1]
    ports = [f"-{name}.port={base + offset}" for offset, name in
             enumerate(("s3", "master", "volume", "filer"))]  # fmt: skip
    ports += [f"-{name}.port.grpc={base + 10 + offset}" for offset, name in
              enumerate(("s3", "master", "volume", "filer"))]  # fmt: skip
    server = subprocess.Popen(
        [weed, "server", "-s3", "-filer", "-ip=127.0.0.1", f"-dir={folder}",
         "-volume.max=10", *ports],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    values = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{base}", "AWS_ACCESS_KEY_ID": "any",
              "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}  # fmt: skip
    before = dict(os.environ)
    os.environ.update(values)
    try:
        for _ in range(120):
            try:
                s3.client().create_bucket(Bucket="poses")
                break
            except Exception:
                time.sleep(0.5)
        else:
            pytest.skip("SeaweedFS did not start")
        yield "poses"
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.kill()
        server.wait(20)


def test_a_folder_goes_there_and_back(storage, tmp_path):
    source = tmp_path / "set"
    (source / "train").mkdir(parents=True)
    for index in range(20):
        (source / "train" / f"{index}.txt").write_text(str(index))
    s3.upload(source, storage, "sets/one")
    (tmp_path / "other.txt").write_text("not of the set")
    s3.upload(tmp_path / "other.txt", storage, "sets/one-more.txt")
    found = fetch(f"s3://{storage}/sets/one", tmp_path / "cache")
    assert {p.relative_to(found).as_posix(): p.read_text() for p in found.rglob("*.txt")} == {
        f"train/{index}.txt": str(index) for index in range(20)
    }


def test_what_is_there_is_not_fetched_again(storage, tmp_path):
    (tmp_path / "a.txt").write_text("first")
    s3.upload(tmp_path / "a.txt", storage, "single/a.txt")
    uri, cache = f"s3://{storage}/single/a.txt", tmp_path / "cache"
    path = fetch(uri, cache)
    stamp = path.stat().st_mtime_ns
    assert fetch(uri, cache).stat().st_mtime_ns == stamp
    (tmp_path / "a.txt").write_text("second")
    s3.upload(tmp_path / "a.txt", storage, "single/a.txt")
    assert fetch(uri, cache).read_text() == "second"


def test_what_is_missing_is_told(storage, tmp_path):
    with pytest.raises(StoreError, match="holds nothing"):
        fetch(f"s3://{storage}/nothing", tmp_path)
    with pytest.raises(StoreError, match="bucket does not exist"):
        fetch("s3://no-such-bucket/a", tmp_path)


def test_paths_pass_and_unknown_schemes_do_not(tmp_path):
    assert fetch(str(tmp_path)) == tmp_path
    assert fetch(tmp_path.as_uri()) == tmp_path
    with pytest.raises(StoreError, match="ftp"):
        fetch("ftp://host/a")
