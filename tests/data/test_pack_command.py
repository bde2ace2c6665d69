from poseline.cli.dataset import pack_set
from poseline.data import shards
from poseline.data.yolo import list_samples


def test_a_set_with_parts_is_packed_onto_s3(yolo, storage, capsys):
    uri = f"s3://{storage}/commands/people"
    pack_set(str(yolo), f"{uri}/")
    for part in ("train", "val"):
        found = shards.samples_of(shards.attach(f"{uri}/{part}"))
        expected = list_samples(yolo / part)
        assert [s.image.read_bytes() for s in found] == [s.image.read_bytes() for s in expected]
        found.close()
    assert "24" in capsys.readouterr().out


def test_a_set_of_one_folder_is_packed_here(yolo, tmp_path):
    pack_set(str(yolo / "val"), str(tmp_path / "packed"), shard_mb=1)
    found = shards.samples_of(tmp_path / "packed")
    assert len(found) == 8
    found.close()
