import json
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.samples import ROOT

from poseline.config.models.config import Config
from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError, StoreError
from poseline.stages import convert
from poseline.store.manifest import MANIFEST, Manifest, entries

SHARED = ROOT.parent / "shared" / "data" / "coco-mini"


def config(pose="single", keypoints=17, **conversion):
    return Config.model_validate(
        {
            "dataset": {"keypoints": keypoints},
            "conversion": {"path": "-", "pose": pose, **conversion},
        }
    )


def person(image_id, **changes):
    keypoints = np.tile([10.0, 20, 2], (17, 1))
    entry = {
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [5, 5, 30, 40],
        "area": 1,
        "keypoints": keypoints.ravel().tolist(),
    }
    return entry | changes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six pictures, each with its own fault but the first."""
    folder = tmp_path / "coco"
    folder.mkdir()
    names = ["good", "two", "crowd", "flat", "hidden", "cut"]
    for name in names:
        cv2.imwrite(str(folder / f"{name}.jpg"), np.full((80, 100, 3), 90, np.uint8))
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    images = [
        {"id": i, "file_name": f"{n}.jpg", "width": 100, "height": 80}
        for i, n in enumerate([*names, "missing", "good"])
    ]
    annotations = [
        person(0),
        person(1),
        person(1),
        person(2, iscrowd=1),
        person(3, bbox=[5, 5, 0, 40]),
        person(4, keypoints=[0] * 51),
        person(5),
        person(6),
        person(99),
    ]
    text = json.dumps({"images": images, "annotations": annotations})
    (folder / "person_keypoints_val.json").write_text(text)
    return folder


def test_what_is_kept_and_dropped_is_counted(source, tmp_path):
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    counts = result.summary["counts"]["val"]
    assert counts["kept"] == 1
    Manifest.read(result.out).verify(result.out)
    for reason in (
        "several_persons",
        "crowd",
        "no_area",
        "no_visible_keypoints",
        "corrupt",
        "missing",
        "duplicate",
        "unknown_image",
    ):
        assert counts[reason] == 1, reason
    (sample,) = list_samples(result.out / "val")
    poses = read_label(sample.label, 17)
    np.testing.assert_allclose(poses.boxes, [[0.2, 0.3125, 0.3, 0.5]], atol=1e-6)
    np.testing.assert_allclose(poses.keypoints[0, 0], [0.1, 0.25, 1], atol=1e-6)


def test_a_box_outside_of_the_picture_is_cut(source, tmp_path):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    data["annotations"] = [person(0, bbox=[-10, 60, 60, 60])]
    path.write_text(json.dumps(data))
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    (sample,) = list_samples(result.out / "val")
    np.testing.assert_allclose(
        read_label(sample.label, 17).boxes, [[0.25, 0.875, 0.5, 0.25]], atol=1e-6
    )


def test_thirteen_keypoints_have_one_head(source, tmp_path):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    points = np.array(person(0)["keypoints"]).reshape(17, 3)
    points[0] = 30, 40, 1
    points[2:5] = 0
    data["annotations"] = [person(0, keypoints=points.ravel().tolist())]
    path.write_text(json.dumps(data))
    result = convert.run(config(keypoints=13), {"source": source}, tmp_path / "out")
    (sample,) = list_samples(result.out / "val")
    head = read_label(sample.label, 13).keypoints[0, 0]
    np.testing.assert_allclose(head, [0.2, 0.375, 1], atol=1e-6)


@pytest.mark.parametrize("name", ["a\\..\\..\\x.jpg", "..", "/"])
def test_a_file_name_that_leaves_the_folder_is_refused(source, tmp_path, name):
    path = source / "person_keypoints_val.json"
    data = json.loads(path.read_text())
    data["images"][0]["file_name"] = name
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="leaves the folder"):
        convert.run(config(), {"source": source}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def write(folder: Path, images, annotations):
    data = {"images": images, "annotations": annotations}
    (folder / "person_keypoints_val.json").write_text(json.dumps(data))


def image(number, name="good.jpg", width=100, height=80):
    return {"id": number, "file_name": name, "width": width, "height": height}


@pytest.mark.parametrize(
    "broken",
    [
        {"keypoints": []},
        {"bbox": [1, 2, 3]},
        {"keypoints": ["x"] * 51},
        {"bbox": [float("nan"), 5, 30, 40]},
        {"keypoints": [float("inf")] * 51},
    ],
)
def test_an_annotation_that_is_none_costs_only_its_person(source, tmp_path, broken):
    write(source, [image(0), image(1, "two.jpg")], [person(0), person(1, **broken)])
    result = convert.run(config("multi"), {"source": source}, tmp_path / "out")
    counts = result.summary["counts"]["val"]
    assert (counts["kept"], counts["malformed"]) == (1, 1)
    assert result.summary["examples"]["val"]["malformed"] == ["two.jpg"]


def test_a_set_without_annotations_is_told_with_its_reasons(source, tmp_path):
    write(source, [image(0)], [])
    with pytest.raises(DataError, match=r"(?s)nothing in .* can be used.*no_person"):
        convert.run(config(), {"source": source}, tmp_path / "out")


def test_pictures_listed_twice_are_kept_once(source, tmp_path):
    images = [image(0), image(1), image(0, "two.jpg")]
    write(source, images, [person(0), person(1)])
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    assert result.summary["counts"]["val"]["duplicate"] == 2
    assert [s.image.name for s in list_samples(result.out / "val")] == ["good.jpg"]


def test_keypoints_outside_of_the_picture_are_unlabelled_and_counted(source, tmp_path):
    points = np.tile([10.0, 20, 2], (17, 1))
    points[3, 0], points[4, 1] = -1, 80.5
    write(source, [image(0)], [person(0, keypoints=points.ravel().tolist())])
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    assert result.summary["counts"]["val"]["keypoint_outside"] == 2
    (sample,) = list_samples(result.out / "val")
    found = read_label(sample.label, 17).keypoints[0]
    assert found[[3, 4]].tolist() == [[0, 0, 0]] * 2
    assert found[:, 2].sum() == 15


def test_damage_inside_of_a_picture_is_found(source, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    cv2.imwrite(str(source / "good.jpg"), noise)
    data = bytearray((source / "good.jpg").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    (source / "good.jpg").write_bytes(data)
    write(source, [image(0), image(1, "two.jpg")], [person(0), person(1)])
    result = convert.run(config(verify=True), {"source": source}, tmp_path / "out")
    assert result.summary["counts"]["val"]["corrupt"] == 1
    assert result.summary["examples"]["val"]["corrupt"] == ["good.jpg"]


def with_orientation(path: Path, orientation: int, order: str = "little"):
    """Put an EXIF block with nothing but an orientation into a JPEG."""
    mark, value = (b"II", orientation.to_bytes(2, "little")), orientation.to_bytes(2, "big")
    if order == "little":
        tiff = mark[0] + b"\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + mark[1] + b"\0" * 6
    else:
        tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + value + b"\0" * 6
    block = b"Exif\0\0" + tiff
    data = path.read_bytes()
    path.write_bytes(
        data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
    )


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """A picture whose top left quarter is white, to be tagged with a rotation."""
    folder = tmp_path / "turned"
    folder.mkdir()
    picture = np.zeros((80, 100, 3), np.uint8)
    picture[:40, :50] = 255
    cv2.imwrite(str(folder / "good.jpg"), picture)
    return folder


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_rotation_by_exif_leaves_pixels_as_coco_labels_them(turned, tmp_path, orientation, order):
    before = cv2.imread(str(turned / "good.jpg"))
    with_orientation(turned / "good.jpg", orientation, order)
    write(turned, [image(0)], [person(0)])
    result = convert.run(config(), {"source": turned}, tmp_path / "out")
    assert result.summary["counts"]["val"]["rotation_ignored"] == 1
    np.testing.assert_array_equal(cv2.imread(str(result.out / "val" / "good.jpg")), before)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_of_an_upright_picture_turn_its_pixels(turned, tmp_path, orientation):
    with_orientation(turned / "good.jpg", orientation)
    upright = cv2.imread(str(turned / "good.jpg"))
    assert upright.shape == (100, 80, 3)
    write(turned, [image(0, width=80, height=100)], [person(0)])
    result = convert.run(config(), {"source": turned}, tmp_path / "out")
    assert result.summary["counts"]["val"]["turned"] == 1
    found = cv2.imread(str(result.out / "val" / "good.jpg"))
    assert np.abs(found.astype(int) - upright).mean() < 1
    (sample,) = list_samples(result.out / "val")
    np.testing.assert_allclose(read_label(sample.label, 17).keypoints[0, 0], [0.125, 0.2, 1])


def test_labels_of_a_picture_that_was_scaled_since_are_in_the_old_size(source, tmp_path):
    wide = image(1, "two.jpg", width=300, height=80)
    write(source, [image(0, width=200, height=160), wide], [person(0), person(1)])
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    counts = result.summary["counts"]["val"]
    assert (counts["kept"], counts["scaled"], counts["another_size"]) == (1, 1, 1)
    (sample,) = list_samples(result.out / "val")
    np.testing.assert_allclose(read_label(sample.label, 17).keypoints[0, 0], [0.05, 0.125, 1])


COPIES = 2000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Pictures enough for a process to be ended while it converts them."""
    folder = tmp_path / "large"
    folder.mkdir()
    cv2.imwrite(str(folder / "one.jpg"), np.full((80, 100, 3), 90, np.uint8))
    data = (folder / "one.jpg").read_bytes()
    for number in range(COPIES):
        (folder / f"{number:05d}.jpg").write_bytes(data)
    images = [image(n, f"{n:05d}.jpg") for n in range(COPIES)]
    write(folder, images, [person(n, bbox=[5, 5, 30 + n % 50, 40]) for n in range(COPIES)])
    return folder


def command(source: Path, out: Path) -> list[str]:
    cli = [sys.executable, "-c", "from poseline.cli import main; main()"]
    return [*cli, "dataset", "convert", "--path", str(source), "--outputdir", str(out)]


def end_midway(source: Path, out: Path, after: int, with_signal: signal.Signals):
    """Start a conversion and send a signal once so many pictures are done."""
    work = out / "single" / ".17kpts.partial" / "val"
    with subprocess.Popen(command(source, out), stdout=-3, stderr=-3) as process:
        while not work.is_dir() or sum(1 for _ in work.glob("*.txt")) < after:
            assert process.poll() is None, "finished before the signal"
            time.sleep(0.005)
        process.send_signal(with_signal)
        assert process.wait() != 0
    assert not (out / "single" / "17kpts").exists()


def check_ended_conversion(source: Path, tmp_path: Path, signals: list[signal.Signals], seed: int):
    whole = convert.run(config(), {"source": source}, tmp_path / "whole")
    places = sorted(random.Random(seed).sample(range(COPIES // 2), len(signals)))
    for after, one in zip(places, signals, strict=True):
        end_midway(source, tmp_path / "parts", after, one)
    (tmp_path / "parts/single/.17kpts.partial/val/.00001.txt.x7").write_text("half a li")
    subprocess.run(command(source, tmp_path / "parts"), check=True, capture_output=True)
    parts = tmp_path / "parts" / "single" / "17kpts"
    assert entries(parts) == entries(whole.out)
    found, expected = Manifest.read(parts), Manifest.read(whole.out)
    assert (found.files, found.summary, found.metrics, found.inputs) == (
        expected.files,
        expected.summary,
        expected.metrics,
        expected.inputs,
    )
    assert sorted(p.name for p in parts.iterdir()) == ["data.yaml", MANIFEST, "val"]


def test_a_killed_conversion_goes_on_to_the_same_set(large, tmp_path):
    check_ended_conversion(large, tmp_path, [signal.SIGKILL], seed=int(time.time()))


@pytest.mark.slow
def test_a_conversion_ended_again_and_again_ends_with_the_same_set(large, tmp_path):
    signals = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM]
    check_ended_conversion(large, tmp_path, signals, seed=int(time.time()))


def test_progress_is_shown_on_a_terminal(large, tmp_path):
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    with subprocess.Popen(command(large, tmp_path / "out"), stdout=-3, stderr=end) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # Linux tells the end of a terminal so
                break
            if not part:
                break
            shown += part
    os.close(terminal)
    assert process.returncode == 0
    assert b"val" in shown
    assert f"/{COPIES}".encode() in shown
    assert b"/s" in shown and b" left" in shown


def test_a_damaged_annotation_file_is_told_by_its_place(source, tmp_path):
    (source / "person_keypoints_val.json").write_text('{"images": [\n{"id": 1,]')
    with pytest.raises(DataError, match="line 2"):
        convert.run(config(), {"source": source}, tmp_path / "out")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real pictures are not beside the project")
def test_real_pictures(tmp_path):
    single = convert.run(config(), {"source": SHARED}, tmp_path / "single")
    multi = convert.run(config("multi", 13), {"source": SHARED}, tmp_path / "multi")
    assert single.metrics["train_kept"] == 1
    assert multi.metrics["train_kept"] == 4
    assert sum(len(read_label(s.label, 13)) for s in list_samples(multi.out / "train")) == 14


def one_picture(source: Path) -> bytes:
    write(source, [image(0)], [person(0)])
    return (source / "good.jpg").read_bytes()


def test_a_picture_edited_in_place_afterwards_leaves_the_set_as_it_was(source, tmp_path):
    content = one_picture(source)
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    with (source / "good.jpg").open("r+b") as file:
        file.write(b"edited")
    assert (result.out / "val" / "good.jpg").read_bytes() == content
    Manifest.read(result.out).verify(result.out)


@pytest.mark.parametrize("copied", [None, 100], ids=["not at all", "the first bytes"])
def test_pictures_are_copied_where_the_system_cannot(source, tmp_path, monkeypatch, copied):
    def copy_file_range(source, target, count, offset):
        if copied is None:
            raise OSError(18, "Invalid cross-device link")
        return os.write(target, os.pread(source, copied, offset))

    content = one_picture(source)
    monkeypatch.setattr(os, "copy_file_range", copy_file_range)
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    assert (result.out / "val" / "good.jpg").read_bytes() == content


def test_half_a_picture_of_an_ended_attempt_is_copied_again(source, tmp_path, monkeypatch):
    content = one_picture(source)
    with monkeypatch.context() as ended:
        ended.setattr(convert, "write_atomic", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            convert.run(config(), {"source": source}, tmp_path / "out")
    half = tmp_path / ".out.partial" / "val" / "good.jpg"
    half.write_bytes(content[:100])
    result = convert.run(config(), {"source": source}, tmp_path / "out")
    assert (result.out / "val" / "good.jpg").read_bytes() == content


def test_a_set_made_from_another_source_is_not_replaced_unasked(source, turned, tmp_path):
    content = one_picture(source)
    write(turned, [image(0)], [person(0)])
    out = tmp_path / "single" / "17kpts"
    convert.run(config(), {"source": source}, out)
    with pytest.raises(StoreError, match=f"(?s)converted from {source}.*nothing was replaced"):
        convert.run(config(), {"source": turned}, out)
    with pytest.raises(StoreError, match="--overwrite"):
        convert.run(config(), {"source": turned}, out, overwrite=False)
    assert (out / "val" / "good.jpg").read_bytes() == content
    convert.run(config(min_size=0.01), {"source": source}, out)  # its own is
    convert.run(config(), {"source": turned}, out, overwrite=True)
    assert (out / "val" / "good.jpg").read_bytes() == (turned / "good.jpg").read_bytes()


def test_a_conversion_imports_nothing_that_it_does_not_need(source, tmp_path):
    one_picture(source)
    heavy = ("numpy", "cv2", "PIL", "tensorflow", "omegaconf", "structlog")
    code = (
        "import sys\nfrom poseline.cli import main\n"
        f"try: main()\nfinally: print([name for name in {heavy} if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, *command(source, tmp_path / "out")[3:]]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
