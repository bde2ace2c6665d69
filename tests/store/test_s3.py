import hashlib
import multiprocessing
import random
import subprocess
import sys
import time

import pytest
from support.seaweed import READER, Proxy

from poseline.errors import StoreError
from poseline.store import exists, fetch, publish
from poseline.store.manifest import Manifest, content_hash, entries
from poseline.store.s3_client import client


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def folder(tmp_path):
    """30 small files, one of 3 MB, and a manifest."""
    made = tmp_path / "set"
    (made / "train").mkdir(parents=True)
    for index in range(30):
        (made / "train" / f"{index}.txt").write_text(f"sample {index}")
    (made / "large.bin").write_bytes(noise(3 << 20))
    Manifest("convert", "", files=entries(made)).write(made)
    return made


def content(path):
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_folder_goes_there_and_back(storage, folder, tmp_path):
    publish(folder, f"s3://{storage}/sets/one")
    (tmp_path / "other.txt").write_text("not of the set")
    publish(tmp_path / "other.txt", f"s3://{storage}/sets/one-more.txt")
    found = fetch(f"s3://{storage}/sets/one/")
    assert content(found) == content(folder)
    assert exists(f"s3://{storage}/sets/one")
    assert exists(f"s3://{storage}/sets/one-more.txt")
    assert not exists(f"s3://{storage}/sets/on")


def test_a_model_comes_with_its_sidecar(storage, tmp_path):
    (tmp_path / "m.h5").write_bytes(b"model")
    (tmp_path / "m.h5.json").write_bytes(b"{}")
    publish(tmp_path / "m.h5", f"s3://{storage}/models/m.h5")
    publish(tmp_path / "m.h5.json", f"s3://{storage}/models/m.h5.json")
    found = fetch(f"s3://{storage}/models/m.h5")
    assert found.name == "m.h5"
    assert content(found.parent) == {"m.h5": b"model", "m.h5.json": b"{}"}


def test_each_byte_is_fetched_once_whatever_uri_leads_to_it(proxy, folder):
    publish(folder, "s3://poses/sets/once")
    size = sum(map(len, content(folder).values()))
    proxy.received = 0
    first = fetch("s3://poses/sets/once")
    whole = proxy.received
    assert size < whole < size + 60_000
    stamps = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    again = fetch("s3://poses/sets/once")
    assert again == first
    assert {p: p.stat().st_mtime_ns for p in again.rglob("*")} == stamps
    fetch("s3://poses/sets/once/train")
    fetch("s3://poses/sets/once/large.bin")
    assert proxy.received - whole < 60_000  # listings alone


def test_only_what_changed_is_sent_and_fetched(proxy, folder):
    publish(folder, "s3://poses/sets/changing")
    before = fetch("s3://poses/sets/changing")
    old = content(folder)
    (folder / "train/3.txt").write_text("another")
    Manifest("convert", "", files=entries(folder)).write(folder)
    proxy.sent = proxy.received = 0
    publish(folder, "s3://poses/sets/changing")
    assert proxy.sent < 100_000
    after = fetch("s3://poses/sets/changing")
    assert proxy.received < 100_000
    assert content(after) == content(folder)
    assert content(before) == old  # who still reads the old one is not disturbed


def test_the_same_set_has_the_same_hash_on_every_node(storage, folder, tmp_path):
    (folder / "manifest.json").unlink()
    publish(folder, f"s3://{storage}/sets/hash")
    hashes = {
        content_hash(fetch(f"s3://{storage}/sets/hash", cache=tmp_path / node))
        for node in ("one", "two")
    }
    assert len(hashes) == 1


def test_a_cut_connection_is_taken_up_where_it_broke(proxy, tmp_path):
    data = noise(6 << 20)
    (tmp_path / "big.bin").write_bytes(data)
    publish(tmp_path / "big.bin", "s3://poses/cut/big.bin")
    proxy.received, proxy.cuts, proxy.after = 0, 4, 1 << 20
    assert fetch("s3://poses/cut/big.bin").read_bytes() == data
    assert proxy.cuts == 0
    assert proxy.received < 1.4 * len(data)


def test_a_killed_process_leaves_what_the_next_goes_on_with(proxy, tmp_path):
    data = noise(24 << 20)
    (tmp_path / "big.bin").write_bytes(data)
    publish(tmp_path / "big.bin", "s3://poses/killed/big.bin")
    proxy.slow = 0.002
    script = "from poseline.store import fetch; fetch('s3://poses/killed/big.bin')"
    child = subprocess.Popen([sys.executable, "-c", script])
    partial = None
    while child.poll() is None and not partial:
        partial = next(
            (p for p in (tmp_path / "cache").rglob("*.partial") if p.stat().st_size > 4 << 20), None
        )
        time.sleep(0.005)
    child.kill()
    child.wait(20)
    assert partial
    there, proxy.slow, proxy.received = partial.stat().st_size, 0, 0
    assert fetch("s3://poses/killed/big.bin").read_bytes() == data
    assert proxy.received < len(data) - there + 200_000


def _fetch_in_process(uri, start):
    start.wait(20)
    fetch(uri)


def test_processes_of_a_node_share_one_transfer(proxy, folder):
    publish(folder, "s3://poses/sets/shared")
    size = sum(map(len, content(folder).values()))
    proxy.received = 0
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    children = [
        context.Process(target=_fetch_in_process, args=("s3://poses/sets/shared", start))
        for _ in range(3)
    ]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert proxy.received < size + 150_000
    assert content(fetch("s3://poses/sets/shared")) == content(folder)


def test_a_large_upload_goes_on_with_its_parts(proxy, tmp_path, monkeypatch):
    data = noise(40 << 20, 1)
    (tmp_path / "huge.bin").write_bytes(data)
    proxy.cuts, proxy.after, proxy.cut_sending = 10_000, 24 << 20, True
    monkeypatch.setattr("poseline.store.multipart._THREADS", 1)
    monkeypatch.setattr("poseline.store.s3_client._RETRIES", 0)
    with pytest.raises(StoreError):
        publish(tmp_path / "huge.bin", "s3://poses/huge.bin")
    assert not exists("s3://poses/huge.bin")
    proxy.cuts = proxy.sent = 0
    publish(tmp_path / "huge.bin", "s3://poses/huge.bin")
    assert proxy.sent < 32 << 20
    path = fetch("s3://poses/huge.bin", sha256=hashlib.sha256(data).hexdigest())
    assert path.stat().st_size == len(data)
    proxy.sent = 0
    publish(tmp_path / "huge.bin", "s3://poses/huge.bin")
    assert proxy.sent < 100_000


def test_an_object_that_changes_underway_is_told(storage, tmp_path, monkeypatch):
    from poseline.store.s3_receive import Receiver

    (tmp_path / "a").write_bytes(b"first")
    publish(tmp_path / "a", f"s3://{storage}/moving")
    receive = Receiver.__call__

    def change_first(self, file, offset):
        (tmp_path / "a").write_bytes(b"other")
        publish(tmp_path / "a", f"s3://{storage}/moving")
        receive(self, file, offset)

    with monkeypatch.context() as patch:
        patch.setattr(Receiver, "__call__", change_first)
        with pytest.raises(StoreError, match="changed while"):
            fetch(f"s3://{storage}/moving")
    assert fetch(f"s3://{storage}/moving").read_bytes() == b"other"


def test_what_differs_from_the_manifest_is_told_and_not_kept(storage, folder, tmp_path):
    publish(folder, f"s3://{storage}/sets/damaged")
    good = (folder / "train/7.txt").read_bytes()
    (tmp_path / "bad").write_bytes(b"x" * len(good))
    publish(tmp_path / "bad", f"s3://{storage}/sets/damaged/train/7.txt")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"train/7\.txt differs"):
            fetch(f"s3://{storage}/sets/damaged")
    publish(folder, f"s3://{storage}/sets/damaged")
    assert content(fetch(f"s3://{storage}/sets/damaged")) == content(folder)


def test_a_file_that_the_manifest_names_is_missed(storage, folder):
    publish(folder, f"s3://{storage}/sets/short")
    from poseline.store.s3_client import client

    client().delete_object(Bucket=storage, Key="sets/short/train/7.txt")
    with pytest.raises(StoreError, match=r"7\.txt is missing"):
        fetch(f"s3://{storage}/sets/short")


def test_a_wrong_checksum_is_told(storage, tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    publish(tmp_path / "a", f"s3://{storage}/summed")
    with pytest.raises(StoreError, match="sha256"):
        fetch(f"s3://{storage}/summed", sha256="0" * 64)


def test_what_is_missing_is_told(storage):
    with pytest.raises(StoreError, match="holds nothing"):
        fetch(f"s3://{storage}/nothing")
    with pytest.raises(StoreError, match="bucket does not exist"):
        fetch("s3://no-such-bucket/a")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "secret key is wrong"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "access key is unknown"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"POSELINE_S3_SECRET": "/nowhere"}, "incomplete"),
    ],
)
def test_faults_of_access_are_told_apart(storage, tmp_path, monkeypatch, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    began = time.monotonic()
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(StoreError, match=said) as caught:
        publish(tmp_path / "a", f"s3://{storage}/a")
    with pytest.raises(StoreError, match=said):
        fetch(f"s3://{storage}/sets")
    assert time.monotonic() - began < 25
    assert "admin-secret" not in str(caught.value)


def test_a_bucket_that_denies(storage, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"content")
    publish(tmp_path / "a", f"s3://{storage}/readable")
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    assert fetch(f"s3://{storage}/readable").read_bytes() == b"content"
    with pytest.raises(StoreError, match="access is denied"):
        publish(tmp_path / "a", f"s3://{storage}/denied")


def test_credentials_of_a_mounted_secret(storage, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "accesskey").write_text("admin\n")
    (secret / "secretkey").write_text("admin-secret\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("POSELINE_S3_SECRET", str(secret))
    assert exists(f"s3://{storage}/ready")


def test_keys_that_lead_out_of_their_prefix(storage, tmp_path, monkeypatch):
    from poseline.store import s3_objects

    listed = [s3_objects.Object("sets/evil/../../../../etc/cron.d/x", '"e"', 1, 0.0)]
    monkeypatch.setattr(s3_objects, "list_below", lambda *_: iter(listed))
    monkeypatch.setattr(s3_objects, "head", lambda *_: None)
    with pytest.raises(StoreError, match="leaves its prefix"):
        fetch(f"s3://{storage}/sets/evil")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to("/etc/hostname")
    with pytest.raises(StoreError, match="leads out"):
        publish(tmp_path / "out", f"s3://{storage}/out")


def test_a_disk_that_is_too_small_is_told_before(storage, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"content")
    publish(tmp_path / "a", f"s3://{storage}/sized")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3}))
    with pytest.raises(StoreError, match="free in"):
        fetch(f"s3://{storage}/sized")


def test_a_disk_that_fills_up_underway(storage, tmp_path):
    """A limit on the size of files stands for the disk: the write itself fails."""
    (tmp_path / "a").write_bytes(noise(3 << 20))
    publish(tmp_path / "a", f"s3://{storage}/filling")
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "from poseline.errors import StoreError\n"
        "from poseline.store import fetch\n"
        "try: fetch('s3://poses/filling')\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "the disk is full" in done.stdout
    assert fetch(f"s3://{storage}/filling").stat().st_size == 3 << 20


def test_a_proxy_that_always_cuts_ends_in_an_error(proxy, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(noise(1 << 20))
    publish(tmp_path / "a", "s3://poses/hopeless")
    monkeypatch.setattr("poseline.retry.FIRST_WAIT_S", 0.001)
    proxy.cuts, proxy.after = 10**6, 500
    with pytest.raises(StoreError):
        fetch("s3://poses/hopeless")
    proxy.cuts = 0
    assert fetch("s3://poses/hopeless").stat().st_size == 1 << 20
    assert isinstance(proxy, Proxy)


@pytest.mark.parametrize("sizes", [[5 << 20, 5 << 20, 7], [6 << 20, 5 << 20, 3 << 20]])
def test_other_bytes_of_the_right_length_are_not_taken_for_an_upload_in_parts(
    proxy, storage, tmp_path, sizes
):
    s3, place = client(), {"Bucket": storage, "Key": f"parts/{sizes[0]}.bin"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    parts, whole = [], b""
    for number, size in enumerate(sizes, 1):
        body = (b"pose" * size)[:size]
        whole += body
        put = s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": put["ETag"]})
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    uri = f"s3://{storage}/{place['Key']}"
    proxy.change = lambda data: data.replace(b"posepose", b"possposs", 1)
    with pytest.raises(StoreError, match="damaged"):
        fetch(uri)
    proxy.change = lambda data: data
    assert fetch(uri).read_bytes() == whole
