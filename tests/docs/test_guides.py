"""The guides, followed from top to bottom in one folder, on sets and configs that are made small.

Their commands for a cluster run in tests/cluster.
"""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from support import developer_cloud
from support.doc_blocks import blocks
from support.samples import ROOT
from support.seaweed import free_ports

GUIDES = ROOT / "docs" / "guides"
SET_UP = re.compile(r"^(git clone|cd poseline|source|make images|make push|tensorboard).*\n", re.M)
FOR_A_CLUSTER = re.compile(r"^(kubectl|helm|key\(\)) (.*\\\n)*.*\n", re.MULTILINE)
SMALLER = [
    (r"--train \d+", "--train 24"),
    (r"--(val|test) \d+", r"--\1 8"),
    (r"\bepochs: \d+", "epochs: 1"),
    (r"batch_size: \d+", "batch_size: 8"),
    (r"input_shape: \(\d+, \d+, 3\)", "input_shape: (64, 64, 3)"),
    (r"\(160, 160, 3\)", "(96, 96, 3)"),
    (r"choices: \[\[128.*\]\]", "choices: [[64, 64, 3], [96, 96, 3]]"),
    (r"\btrials: \d+", "trials: 2"),
    (r"\bmin_oks=[\d.]+", "min_oks=0"),
    (r"\bmake demo\b", "poseline chain tqeb examples/demo.yaml"),  # what it runs, but small
]
pytestmark = [pytest.mark.guides, pytest.mark.timeout(1200)]


def smaller(text):
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text)
    return FOR_A_CLUSTER.sub("", SET_UP.sub("", text))


class Reader:
    """Follows the guides in a folder, as somebody would who has the repository there.

    Attributes:
        places: What stands in a guide, and what stands for it here.
    """

    def __init__(self, folder, places):
        self.folder = folder
        self.places = places
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "NO_PROXY": "127.0.0.1,localhost"}

    def run(self, command):
        for written, here in self.places.items():
            command = command.replace(written, here)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=self.environment,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def follow(self, page):
        for block in blocks(GUIDES / page):
            if block.language == "yaml" and block.name:
                (self.folder / block.name).write_text(smaller(block.text))
            elif block.language == "bash":
                self.run(smaller(block.text))
            elif block.language == "python":
                (self.folder / "block.py").write_text(smaller(block.text))
                self.run("python block.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the reader of all guides works, with the examples of the repository."""
    made = tmp_path_factory.mktemp("reader")
    (made / "examples").mkdir()
    for path in (ROOT / "examples").glob("*.yaml"):
        (made / "examples" / path.name).write_text(smaller(path.read_text()))
    return made


@pytest.fixture
def cloud(monkeypatch):
    with developer_cloud.serving() as server:
        for name in ("CLOUD", "SIGN_IN", "PASSWORD"):
            monkeypatch.setenv(f"STEDGEAI_{name}_URL", server.url)
        yield server


@pytest.fixture
def reader(folder, kubeflow_api, storage, cloud):
    workers = '["10.0.0.1:29500", "10.0.0.2:29500"]'
    places = {
        "http://localhost:8888": kubeflow_api,
        "s3://bucket": f"s3://{storage}",
        "PASSWORD=…": f"PASSWORD='{developer_cloud.PASSWORD}'",
        workers: f'["127.0.0.1:{free_ports(1)[0]}"]',  # the first of them, alone
    }
    return Reader(folder, places)


# In the order of the navigation: a guide uses what an earlier one made.


def test_the_first_model(reader):
    reader.run("poseline dataset synthesize demo/coco --train 24 --val 8 --size 96 96")
    reader.follow("first-model.md")
    found = reader.folder / "demo/predicted/predictions"
    assert list((found / "pictures").iterdir())
    assert (found / "predictions.json").is_file()
    assert (reader.folder / "demo/comparison/compare.html").is_file()


def test_pictures_of_your_own(reader):
    reader.follow("your-pictures.md")
    assert (reader.folder / "runs/first/report.html").is_file()
    made = reader.folder / "runs/first/saved_models/quantized_models/quantized_model.tflite"
    for name in ("model.tflite", "quantized_model.tflite"):  # as later guides call theirs
        shutil.copy(made, reader.folder / name)


def test_a_file_of_the_zoo(reader):
    reader.follow("zoo.md")
    assert list(reader.folder.glob("experiments_outputs/*/report.html"))


def test_a_model_for_a_board(reader):
    reader.follow("boards.md")
    assert (reader.folder / "bench/benchmark/boards.png").is_file()


def test_a_search(reader):
    (reader.folder / "postgres-url.txt").write_text("postgresql://search@postgres/search")
    reader.follow("search.md")
    assert (reader.folder / "demo/search/comparison/compare.html").is_file()


def test_code_for_a_board(reader):
    reader.follow("firmware.md")
    assert (reader.folder / "onboard/export/poseline_export/README.md").is_file()


def test_retraining(reader):
    reader.follow("retraining.md")
    assert (reader.folder / "runs/gated/gate").is_dir()


def test_pages_have_no_commands_that_nobody_runs():
    followed = {
        f"{name}.md" for name in re.findall(r'follow\("(.+)\.md"\)', Path(__file__).read_text())
    }
    with_commands = {
        page.name
        for page in GUIDES.glob("*.md")
        if any(block.language == "bash" for block in blocks(page))
    }
    assert with_commands == followed | {"cluster.md"}
