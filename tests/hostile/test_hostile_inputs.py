"""What people and servers must never be able to do: a trace, a hang, a lost file, a shown secret.

Every input goes through the command line in this process, so that an exception that nothing
handles fails the test. Around each command stands a home folder with files that are not ours.
"""

import contextlib
import hashlib
import json
import random
import time

import cv2
import numpy as np
import pytest
from support.samples import TINY
from support.tiny_models import convolutional_onnx

from poseline.boards.estimate import Estimate
from poseline.cli.app import main
from poseline.config.models.config import Config
from poseline.errors import ModelError
from poseline.runtime import check_model_file

SECRET = "hunter2-s3cr3t"
HANDLED = {0, 1, 2, 3, 4, 5, 6, 7}
LIMIT_S = 60.0  # of one command, on a machine that others use, too
ESTIMATED = Config.model_validate({"benchmarking": {"board": "STM32H747I-DISCO"}})
PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
NAMES = [
    "nose",
    *(f"{side}_{part}" for part in ("eye", "ear") for side in ("left", "right")),
    *(f"{side}_{part}" for part in PARTS for side in ("left", "right")),
]


def _annotations(pictures=2):
    points = [value for i in range(17) for value in (8 + 2 * i, 10 + 2 * i, 2)]
    return {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 64} for i in range(pictures)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [4, 4, 50, 56],
                "area": 2000,
                "num_keypoints": 17,
                "keypoints": points,
            }
            for i in range(pictures)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": []}],
    }


@pytest.fixture(scope="module")
def picture():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolutional_onnx(tmp_path_factory.mktemp("model") / "m.onnx").read_bytes()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of the user's, which the commands run beside."""
    folder = tmp_path / "home"
    (folder / "papers").mkdir(parents=True)
    (folder / "thesis.txt").write_text("years of work")
    (folder / "papers" / "best_model.h5").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOSTILE_TOKEN", SECRET)
    return folder


def _state(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def run(home, capfd):
    """Run a command; return its code and what it printed, once nothing was lost or shown."""

    def command(*arguments):
        before, started = _state(home), time.monotonic()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        shown = "".join(capfd.readouterr())
        assert time.monotonic() - started < LIMIT_S
        assert ended.value.code in HANDLED
        assert "Traceback" not in shown
        assert SECRET not in shown
        assert "\x1b[2J" not in shown
        assert _state(home) == before
        return ended.value.code, shown

    return command


def _coco(tmp_path, picture, data, pictures=2):
    root = tmp_path / "coco"
    (root / "train2017").mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    for i in range(pictures):
        (root / "train2017" / f"{i}.jpg").write_bytes(picture)
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    (root / "annotations" / "person_keypoints_train2017.json").write_bytes(text)
    return root


# Configs: values that stand in for a key's own, for every key of a list of keys.
VALUES = (
    "[x/]",
    "\x1b[2J",
    "-1",
    "1e999",
    ".nan",
    "9" * 400,
    "[]",
    "{}",
    "[[[[1]]]]",
    "null",
    "'${env:HOSTILE_TOKEN}'",
    "'${oc.env:HOSTILE_TOKEN}x'",
    "'${general}'",
    "'http://user:" + SECRET + "@host/x'",
    "'../../..'",
    "'/dev/null'",
    "x" * 3000,
    "'\\u202e\\u0000'",
    "true",
)
KEYS = (
    "general.project_name",
    "general.global_seed",
    "dataset.keypoints",
    "dataset.training_path",
    "preprocessing.rescaling.scale",
    "preprocessing.resizing.aspect_ratio",
    "training.epochs",
    "training.model.input_shape",
    "training.optimizer",
    "quantization.granularity",
    "benchmarking.board",
    "mlflow.uri",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_the_wrong_kind(run, tmp_path, key):
    path = tmp_path / "config.yaml"
    path.write_text(TINY)
    for value in VALUES:
        run("validate", path, "dataset.training_path=set", f"{key}={value}")


OVERRIDES = (
    "~",
    "~training",
    "~training.epochs.x",
    "++training.epochs=3",
    "+x.y.z=1",
    "training..epochs=1",
    ".=1",
    "=",
    "=1",
    "epochs=3",
    "training.epochs",
    "training.epochs=[",
    "training.epochs={a:",
    "training={epochs: {epochs: 1}}",
    "training[0]=1",
    "${training.epochs}=1",
    "training.epochs=${training.epochs}",
    "a" * 5000 + "=1",
    ".".join("a" * 400) + "=1",
    "training.epochs=\x00",
)


def test_overrides_that_are_none(run, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(TINY)
    for override in OVERRIDES:
        code, _ = run("validate", path, "dataset.training_path=set", override)
        assert code in (0, 2)


TARGETS = ("home", "home/papers", "home/thesis.txt", ".", "..", "/", "~", "home/../home", "coco")


@pytest.mark.parametrize("target", TARGETS)
def test_targets_that_are_not_ours(run, home, tmp_path, picture, target):
    _coco(tmp_path, picture, _annotations())
    before = _state(tmp_path / "coco")
    for arguments in (
        ("dataset", "convert", "--path", "coco", "--outputdir", target, "--pose", "single"),
        ("dataset", "pack", "coco", target),
        ("dataset", "synthesize", target, "--train=1", "--val=1"),
    ):
        if arguments[1] == "convert" and target in (".", "home", "home/papers", "home/../home"):
            continue  # a folder of its own below them is made, and that is right
        if target in ("..", "/", "~") and arguments[1] == "convert":
            continue  # not a place that tests write below
        code, _ = run(*arguments)
        assert code in (2, 3, 5)
    assert _state(tmp_path / "coco") == before


PIECES = (None, [], {}, "", "x" * 10_000, -1, 1e300, 10**30, True, [[[]]], "\x1b[2J", "[/x]")
FIELDS = (
    ("images", "id"),
    ("images", "file_name"),
    ("images", "width"),
    ("annotations", "image_id"),
    ("annotations", "bbox"),
    ("annotations", "keypoints"),
    ("annotations", "iscrowd"),
    ("categories", "keypoints"),
    ("categories", "name"),
)


@pytest.mark.parametrize(("section", "field"), FIELDS)
def test_annotations_of_the_wrong_kind(run, tmp_path, picture, section, field):
    for number, piece in enumerate(PIECES):
        data = _annotations()
        data[section][0][field] = piece
        root = _coco(tmp_path, picture, data)
        out = tmp_path / f"out{number}"
        run("dataset", "convert", "--path", root, "--outputdir", out, "--pose", "single")


URIS = (
    "http://[::1/a",
    "http://",
    "s3://",
    "s3:///key",
    "s3://bucket",
    "ftp://host/x",
    "file://host/x",
    "http://127.0.0.1:1/x",
    f"http://user:{SECRET}@127.0.0.1:1/x",
    "http://127.0.0.1:99999/x",
    "javascript:alert(1)",
    "\x1b[2J",
    "[/x]",
    "x" * 5000,
    "a\x00b",
    "/dev/zero",
    "/proc/self/mem",
)


def test_places_that_are_none(run, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for uri in URIS:
        code, _ = run("dataset", "stats", uri)
        assert code in (3, 5)


def _damaged(generator, data):
    """Return bytes with one random kind of damage."""
    data = bytearray(data)
    at = generator.randrange(len(data))
    match generator.randrange(6):
        case 0:
            data[at] ^= 1 << generator.randrange(8)
        case 1:
            del data[at:]
        case 2:
            data[at:at] = generator.randbytes(generator.randrange(1, 64))
        case 3:
            del data[at : at + generator.randrange(1, 64)]
        case 4:
            data[at : at + 8] = b"\xff" * 8
        case _:
            data[at:at] = data[: generator.randrange(1, 200)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_configs(run, tmp_path, seed):
    generator = random.Random(seed)
    path = tmp_path / "config.yaml"
    for _ in range(30):
        path.write_bytes(_damaged(generator, TINY.encode()))
        code, _ = run("validate", path, "dataset.training_path=set")
        assert code in (0, 2)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_annotations_and_pictures(run, tmp_path, picture, seed):
    generator = random.Random(seed)
    text = json.dumps(_annotations()).encode()
    for number in range(20):
        of_the_text = generator.random() < 0.7
        root = _coco(
            tmp_path,
            picture if of_the_text else _damaged(generator, picture),
            _damaged(generator, text) if of_the_text else text,
        )
        out = tmp_path / f"out{number}"
        run("dataset", "convert", "--path", root, "--outputdir", out, "--pose", "single")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_labels(run, tmp_path, picture, seed):
    generator = random.Random(seed)
    folder = tmp_path / "set"
    folder.mkdir()
    line = "0 0.5 0.5 0.4 0.4 " + " ".join(f"{i / 20:.3f} {i / 20:.3f} 1" for i in range(1, 18))
    (folder / "a.jpg").write_bytes(picture)
    for _ in range(15):
        (folder / "a.txt").write_bytes(_damaged(generator, line.encode()))
        code, _ = run("dataset", "stats", folder)
        assert code in (0, 3)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_models(run, tmp_path, model, seed):
    generator = random.Random(seed)
    for number in range(10):
        path = tmp_path / f"m{number}.onnx"
        path.write_bytes(_damaged(generator, model))
        with contextlib.suppress(ModelError):
            check_model_file(path)
            Estimate().measure(path, ESTIMATED)


def test_a_damaged_model_ends_a_command(run, tmp_path, model):
    config = tmp_path / "config.yaml"
    config.write_text(TINY)
    path = tmp_path / "m.onnx"
    path.write_bytes(model[: len(model) // 2])
    changes = ("benchmarking.backends=[estimate]", f"mlflow.uri={tmp_path / 'mlruns'}")
    code, _ = run("benchmark", config, f"general.model_path={path}", *changes)
    assert code == 4


def test_there_are_enough_of_them():
    listed = len(KEYS) * len(VALUES) + len(OVERRIDES) + 3 * len(TARGETS) + len(URIS)
    listed += len(FIELDS) * len(PIECES)
    assert listed >= 200
    assert 4 * (30 + 20 + 15 + 10) >= 300
