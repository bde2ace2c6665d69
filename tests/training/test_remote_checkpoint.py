"""Checkpoints on a real S3, its faults included."""

import threading
import time

import pytest

from poseline import store
from poseline.errors import StoreError
from poseline.store.removal import remove
from poseline.training import remote_checkpoint as module
from poseline.training.remote_checkpoint import POINTER, Identity, RemoteCheckpoint

NAMES = ["last.h5", "best.h5"]
TRAINING = Identity("config", {"training": "people"})


@pytest.fixture
def node(tmp_path):
    """Return the folder of a training's files on a node."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        return folder

    return make


@pytest.fixture
def uri(storage, tmp_path):
    return f"s3://{storage}/{tmp_path.name}/model.checkpoint"


def write(out, epoch, best):
    """Write an epoch's files as a training does: each replaced whole."""
    for name, content in (("last.h5", f"epoch {epoch}"), ("best.h5", f"best {best}")):
        partial = out / f".{name}"
        partial.write_text(content * 1000)
        partial.replace(out / name)


def send(uri, out, epochs, identity=TRAINING):
    mirror = RemoteCheckpoint(uri, identity, out / ".mirror")
    for epoch in epochs:
        write(out, epoch, min(epoch, 2))
        mirror.offer(epoch, out, NAMES)
    return mirror


def taken(uri, out, identity=TRAINING, done=0):
    return RemoteCheckpoint(uri, identity, out / ".mirror").restore(out, "last.h5", done)


def test_another_node_takes_the_last_epoch(uri, node):
    assert not taken(uri, node("nothing there"))
    for epoch in (1, 2, 3):
        mirror = send(uri, node(f"sender{epoch}"), [epoch])
        assert mirror.close(30)
    out = node("other")
    assert taken(uri, out)
    assert (out / "last.h5").read_text() == "epoch 3" * 1000
    assert (out / "best.h5").read_text() == "best 2" * 1000
    assert not (out / ".mirror").exists()


def test_only_the_last_epoch_is_kept_and_nothing_is_sent_twice(uri, node):
    out = node("sender")
    mirror = RemoteCheckpoint(uri, TRAINING, out / ".mirror")
    for epoch in (1, 2, 3, 4):
        write(out, epoch, min(epoch, 2))
        mirror.offer(epoch, out, NAMES)
        while mirror._stored is None or mirror._stored.epoch < epoch:
            time.sleep(0.01)
    assert mirror.close(30)
    names = sorted(name.split("-")[-1] + name.split("-")[0] for name in store.listing(uri))
    assert names == ["best.h500002", POINTER + POINTER, "last.h500004"]


@pytest.mark.parametrize(
    "other", [Identity("config 2", TRAINING.inputs), Identity("config", {"training": "cats"})]
)
def test_another_trainings_checkpoint_is_not_taken(uri, node, other, capfd):
    send(uri, node("sender"), [1]).close(30)
    assert not taken(uri, node("other"), other)
    assert "another training's" in "".join(capfd.readouterr())


def test_what_is_further_on_here_is_kept(uri, node):
    send(uri, node("sender"), [1, 2]).close(30)
    out = node("here")
    assert not taken(uri, out, done=2)
    assert taken(uri, out, done=1)


@pytest.mark.parametrize("damage", ["pointer", "missing", "changed"])
def test_a_damaged_checkpoint_is_told_and_not_taken(uri, node, damage, tmp_path, capfd):
    send(uri, node("sender"), [1]).close(30)
    last = next(name for name in store.listing(uri) if name.endswith("last.h5"))
    (tmp_path / "bad").write_text('{"epoch": 1')
    if damage == "missing":
        remove(f"{uri}/{last}")
    else:
        store.publish(tmp_path / "bad", f"{uri}/{POINTER if damage == 'pointer' else last}")
    out = node("other")
    assert not taken(uri, out)
    assert list(out.iterdir()) == []
    said = "".join(capfd.readouterr())
    assert ("no checkpoint can be read" if damage == "pointer" else "is damaged") in said


def test_a_cut_connection_is_tried_again(uri, node, proxy):
    proxy.cuts, proxy.after, proxy.cut_sending = 4, 500, True
    mirror = send(uri, node("sender"), [1])
    assert mirror.close(60)
    proxy.cuts, proxy.after, proxy.cut_sending = 2, 100, False
    assert taken(uri, node("other"))
    assert proxy.cuts == 0


def test_a_pointer_that_did_not_go_up_is_no_file_of_the_checkpoint(uri, node, monkeypatch):
    publish, failed = store.publish, []

    def once(path, target, **options):
        if target.endswith(POINTER) and not failed:
            failed.append(target)
            raise StoreError("cut off")
        publish(path, target, **options)

    monkeypatch.setattr(store, "publish", once)
    assert send(uri, node("sender"), [1]).close(30)
    out = node("other")
    assert taken(uri, out)
    assert failed
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)


def test_an_outage_holds_nothing_up_and_the_newest_epoch_follows(
    uri, node, weed, monkeypatch, capfd
):
    out = node("sender")
    up = f"http://127.0.0.1:{weed}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    mirror = RemoteCheckpoint(uri, TRAINING, out / ".mirror")
    for epoch in range(1, 6):
        write(out, epoch, 1)
        before = time.monotonic()
        mirror.offer(epoch, out, NAMES)
        assert time.monotonic() - before < 0.5
        time.sleep(0.2)
    while not mirror._reported:
        time.sleep(0.05)
    assert len(list((out / ".mirror").iterdir())) <= 2
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", up)
    assert mirror.close(60)
    other = node("other")
    assert taken(uri, other)
    assert (other / "last.h5").read_text() == "epoch 5" * 1000
    said = "".join(capfd.readouterr())
    assert said.count("waits for its storage") == 1
    assert "is back" in said


def test_a_storage_that_never_comes_back_fails_nothing(uri, node, monkeypatch, capfd):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    out = node("sender")
    mirror = send(uri, out, [1])
    before = time.monotonic()
    assert not mirror.close(1)
    assert time.monotonic() - before < 5
    assert "is not there" in "".join(capfd.readouterr())
    assert not (out / ".mirror").exists()
    mirror._thread.join(60)
    assert not mirror._thread.is_alive()


def test_a_start_waits_for_its_storage_rather_than_begin_anew(uri, node, weed, monkeypatch):
    send(uri, node("sender"), [1]).close(30)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setattr(module, "_ASK_S", 0.5)
    with pytest.raises(StoreError, match="cannot be reached"):
        taken(uri, node("too early"))
    monkeypatch.setattr(module, "_ASK_S", 60)
    back = threading.Timer(
        2, lambda: monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{weed}")
    )
    back.start()
    assert taken(uri, node("patient"))
    back.join()


def test_a_shared_folder_does_as_well(node, tmp_path):
    uri = str(tmp_path / "shared")
    send(uri, node("sender"), [1, 2, 3]).close(30)
    assert taken(uri, node("other"))
