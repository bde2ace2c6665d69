import hashlib
import json
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.data import shards
from poseline.data.keypoints import PERSON_17
from poseline.data.pack import put
from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError, StoreError
from poseline.store import publish
from poseline.store.manifest import content_hash


@pytest.fixture(scope="module")
def yolo_set(tmp_path_factory):
    """30 pictures of 100 kB, some in folders, that need not be JPEGs here."""
    folder = tmp_path_factory.mktemp("set")
    generator = np.random.default_rng(0)
    for index in range(30):
        path = folder / f"part{index % 3}" / f"{index:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(generator.bytes(100_000 + index))
        persons = "".join("0 0.5 0.5 0.2 0.2" + " 0.5 0.5 1" * 17 + "\n" for _ in range(index % 3))
        path.with_suffix(".txt").write_text(persons)
    return folder


@pytest.fixture(scope="module")
def packed(yolo_set, tmp_path_factory):
    out = tmp_path_factory.mktemp("packed") / "set"
    shards.pack(yolo_set, out, shard_mb=1)
    return out


def same(found, yolo_set):
    expected = list_samples(yolo_set)
    assert len(found) == len(expected)
    for sample, original in zip(found, expected, strict=True):
        assert sample.image.read_bytes() == original.image.read_bytes()
        assert sample.image.relative_to("any") == original.image.relative_to(yolo_set)
        assert sample.label.read_text() == original.label.read_text()
        assert len(read_label(sample.label, 17)) == len(read_label(original.label, 17))


def test_a_packed_set_reads_as_the_folder_does(yolo_set, packed):
    found = shards.samples_of(packed)
    same(found, yolo_set)
    assert found[-1] == found[29]
    assert found[3:5] == [found[3], found[4]]
    assert sorted(found, reverse=True)[0] == found[29]
    index = found.contents
    assert (index.pictures, index.persons, index.keypoints) == (30, 30, 17)
    assert len(index.shards) == 3
    found.close()
    assert [s.image for s in shards.samples_of(yolo_set)] == [
        s.image for s in list_samples(yolo_set)
    ]


def test_packing_twice_gives_the_same_bytes_that_tar_can_read(yolo_set, packed, tmp_path):
    shards.pack(yolo_set, tmp_path / "again", shard_mb=1)
    for path in sorted(packed.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    with tarfile.open(packed / "shard-00000.tar") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out/part0/000.jpg").read_bytes() == (
        yolo_set / "part0/000.jpg"
    ).read_bytes()


def test_an_order_that_asks_for_few_shards_at_a_time(packed):
    found = shards.samples_of(packed)
    for window in (1, 2, 99):
        order = found.permutation(np.random.default_rng(1), window)
        assert sorted(order) == list(range(30))
        assert list(order) == list(found.permutation(np.random.default_rng(1), window))
        first = order[: len(found.contents.shards[0].samples)]
        touched = {int(np.searchsorted(found._starts, place, "right")) for place in first}
        assert len(touched) <= window
    assert list(order) != list(range(30))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 2], "bytes, not"),
        (lambda data: data[:1000] + b"x" + data[1001:], "checksum"),
        (lambda data: None, "missing"),
    ],
)
def test_a_damaged_shard_is_told(packed, tmp_path, spoil, said):
    folder = _copy(packed, tmp_path)
    shard = folder / "shard-00001.tar"
    content = spoil(shard.read_bytes())
    shard.unlink() if content is None else shard.write_bytes(content)
    found = shards.samples_of(folder)
    assert found[0].image.read_bytes()
    with pytest.raises(StoreError, match=rf"shard-00001\.tar.*{said}"):
        found[15].image.read_bytes()
    found.close()


def _copy(packed, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in packed.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def _spoiled(index, *changes):
    for path, value in changes:
        node = index
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
    return json.dumps(index)


HOSTILE = {
    "a shard elsewhere": (("shards", 0, "name"), "../../etc/passwd.tar"),
    "an absolute shard": (("shards", 0, "name"), "/etc/a.tar"),
    "a name that climbs": (("shards", 0, "samples", 0, 0), "../../.ssh/id.jpg"),
    "an absolute name": (("shards", 0, "samples", 0, 0), "/etc/a.jpg"),
    "an empty name": (("shards", 0, "samples", 0, 0), ""),
    "before the shard": (("shards", 0, "samples", 0, 1), -512),
    "behind the shard": (("shards", 0, "samples", 0, 2), 10**12),
    "too few": (("pictures",), 29),
    "another format": (("format",), "tar"),
    "no number": (("shards", 0, "size"), "large"),
    "more than it has": (("shards", 0, "extra"), 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_index_is_refused(packed, tmp_path, name):
    folder = _copy(packed, tmp_path)
    index = json.loads((folder / shards.INDEX).read_text())
    (folder / shards.INDEX).write_text(_spoiled(index, HOSTILE[name]))
    with pytest.raises(StoreError, match=r"shards\.json"):
        shards.samples_of(folder)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_an_index_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "index.json"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        shards.Index.read(path)


def test_what_cannot_be_packed_is_told_and_leaves_nothing(yolo_set, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError):
        shards.pack(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in/a.jpg").write_bytes(b"x")
    (tmp_path / "in/a.txt").write_text("0 0.5 0.5 0.1 0.1 1 1 1\n")
    (tmp_path / "in/b.jpg").write_bytes(b"x")
    (tmp_path / "in/b.txt").write_text("0 0.5 0.5 0.1 0.1 1 1\n")
    with pytest.raises(DataError, match=r"b\.txt"):
        shards.pack(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DataError, match="0 MB"):
        shards.pack(yolo_set, tmp_path / "out", shard_mb=0)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_shards_on_s3_are_read_before_all_are_there(proxy, yolo_set, packed):
    publish(packed, "s3://poses/packed/stream")
    size = sum(path.stat().st_size for path in packed.iterdir())
    folder = shards.attach("s3://poses/packed/stream")
    proxy.received = 0
    found = shards.ShardedSamples((folder / shards.ORIGIN).read_text(), ahead=0)
    found[0].image.read_bytes()
    assert proxy.received < 0.5 * size
    same(found, yolo_set)
    found.close()
    proxy.received = 0
    same(shards.samples_of(folder), yolo_set)  # from the node's cache
    assert proxy.received < 30_000


def test_an_attached_set_has_the_same_hash_on_every_node(storage, packed, tmp_path):
    publish(packed, f"s3://{storage}/packed/hash")
    hashes = {
        content_hash(shards.attach(f"s3://{storage}/packed/hash", cache=tmp_path / node))
        for node in ("one", "two")
    }
    assert len(hashes) == 1
    assert shards.attach(str(packed)) is None
    assert shards.attach(f"s3://{storage}/nothing") is None


@pytest.mark.parametrize("keep", [True, False])
def test_a_stream_fetches_each_byte_once(proxy, yolo_set, packed, tmp_path, monkeypatch, keep):
    uri = f"s3://poses/packed/{keep}"
    publish(packed, uri)
    size = sum(path.stat().st_size for path in packed.iterdir())
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    proxy.received, most = 0, 0
    with shards.stream(uri, ahead=1, keep=keep) as samples:
        found = []
        for sample in samples:
            found.append((sample.image.read_bytes(), sample.label.read_text()))
            there = [p.stat() for p in (tmp_path / "temporary").rglob("*.tar") if p.is_file()]
            on_disk = {status.st_ino: status.st_size for status in there}
            most = max(most, sum(on_disk.values()))
    expected = list_samples(yolo_set)
    assert [hashlib.sha256(image).digest() for image, _ in found] == [
        hashlib.sha256(sample.image.read_bytes()).digest() for sample in expected
    ]
    assert size <= proxy.received < size + 60_000
    assert most <= 2.1 * 1.2e6
    assert not list((tmp_path / "temporary").iterdir())


def test_a_damaged_shard_on_s3_is_told_and_not_kept(storage, packed, tmp_path):
    folder = _copy(packed, tmp_path)
    shard = folder / "shard-00002.tar"
    good = shard.read_bytes()
    shard.write_bytes(good[:-1000])
    publish(folder, f"s3://{storage}/packed/damaged")
    found = shards.samples_of(shards.attach(f"s3://{storage}/packed/damaged"))
    assert found[0].image.read_bytes()
    with pytest.raises(StoreError, match="sha256"):
        found[29].image.read_bytes()
    shard.write_bytes(good)
    publish(folder, f"s3://{storage}/packed/damaged")
    assert found[29].image.read_bytes()
    found.close()


def test_the_pipeline_reads_shards_as_it_reads_files(yolo, tmp_path):
    from poseline.config.models.preprocessing import Preprocessing
    from poseline.data.input_cache import Pictures

    shards.pack(yolo / "train", tmp_path / "packed")
    packed, files = shards.samples_of(tmp_path / "packed"), list_samples(yolo / "train")
    sets = [Pictures(s, Preprocessing(), 17, [(64, 64)], 0) for s in (packed, files)]
    for index in range(len(files)):
        (image, person), (same_image, same_person) = (s.read(index, (64, 64)) for s in sets)
        assert (image == same_image).all()
        assert (person.keypoints == same_person.keypoints).all()
    packed.close()


def test_a_training_set_begins_before_all_shards_are_there_and_fetches_each_byte_once(
    proxy, tiny, tmp_path
):
    import cv2

    from poseline.data.pipeline import TrainingSet

    generator = np.random.default_rng(0)
    label = "0 0.5 0.5 0.2 0.2" + " 0.5 0.5 1" * 17 + "\n"
    (tmp_path / "set").mkdir()
    for index in range(120):
        noise = generator.integers(0, 256, (224, 224, 3), np.uint8)
        path = tmp_path / "set" / f"{index:03}.jpg"
        cv2.imwrite(str(path), noise, [cv2.IMWRITE_JPEG_QUALITY, 98])
        path.with_suffix(".txt").write_text(label)
    index = shards.pack(tmp_path / "set", tmp_path / "packed", shard_mb=1)
    size = sum(shard.size for shard in index.shards)
    assert len(index.shards) > 9
    put(tmp_path / "packed", "s3://poses/packed/arriving")
    proxy.received = 0
    found = shards.samples_of(shards.attach("s3://poses/packed/arriving"))
    batches = TrainingSet(found, tiny, PERSON_17, (64, 64, 3), 8, seed=1)
    batches.batch(0)
    assert proxy.received < 0.9 * size
    for number in range(2 * len(batches)):
        batches.batch(number)
    assert size <= proxy.received < 1.05 * size + 100_000
    orders = [batches._order(epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(120)) for order in orders)
    found.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras
def test_a_training_on_shards_from_s3_equals_one_on_shards_here(proxy, yolo, tiny, tmp_path):
    from poseline.config.models.steps import Step
    from poseline.models.loading import load_keras
    from poseline.runner.step import run_task

    for part in ("train", "val"):
        shards.pack(yolo / part, tmp_path / part)
        publish(tmp_path / part, f"s3://poses/trained/{part}")
    weights = []
    for place in (str(tmp_path), "s3://poses/trained"):
        inputs = {"training": f"{place}/train", "validation": f"{place}/val"}
        result = run_task(Step("train", "train"), tiny, inputs, tmp_path / f"out{len(weights)}")
        weights.append(load_keras(result.files["last_model"]).get_weights())
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(*weights, strict=True))
