"""The guides, followed from top to bottom in one folder, on sets and configs that are made small.

Their commands for a cluster run in tests/cluster.
"""

import os
import re
import shutil
import subprocess
import sysconfig

import pytest
from support.doc_blocks import blocks
from support.samples import ROOT

GUIDES = ROOT / "docs" / "guides"
SET_UP = re.compile(r"^(git clone|cd poseline|source|make images|make push|tensorboard).*\n", re.M)
FOR_A_CLUSTER = re.compile(r"^(kubectl|helm|key\(\)) ", re.MULTILINE)
SMALLER = [
    (r"--train \d+", "--train 24"),
    (r"--val \d+", "--val 8"),
    (r"\bepochs: \d+", "epochs: 1"),
    (r"batch_size: \d+", "batch_size: 8"),
    (r"input_shape: \(\d+, \d+, 3\)", "input_shape: (64, 64, 3)"),
    (r"\(160, 160, 3\)", "(96, 96, 3)"),
    (r"\bmake demo\b", "poseline demo"),
]
pytestmark = [pytest.mark.guides, pytest.mark.timeout(1200)]


def smaller(text):
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text)
    return SET_UP.sub("", text)


class Reader:
    """Follows the guides in a folder, as somebody would who has the repository there."""

    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "NO_PROXY": "127.0.0.1,localhost"}

    def run(self, command):
        command = command.replace("http://localhost:8888", self.server)
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
            elif block.language == "bash" and not FOR_A_CLUSTER.search(block.text):
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
def reader(folder, kubeflow_api):
    return Reader(folder, kubeflow_api)


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


def test_a_file_of_the_zoo(reader):
    reader.follow("zoo.md")
    assert list(reader.folder.glob("experiments_outputs/*/report.html"))


def test_a_model_for_a_board(reader):
    made = reader.folder / "runs/first/saved_models/quantized_models/quantized_model.tflite"
    shutil.copy(made, reader.folder / "model.tflite")
    reader.follow("boards.md")
    assert (reader.folder / "bench/benchmark/boards.png").is_file()


def test_retraining(reader):
    reader.follow("retraining.md")
    assert (reader.folder / "runs/gated/gate").is_dir()


def test_pages_have_no_commands_that_nobody_runs():
    followed = {"first-model.md", "your-pictures.md", "zoo.md", "boards.md", "retraining.md"}
    with_commands = {
        page.name
        for page in GUIDES.glob("*.md")
        if any(block.language == "bash" for block in blocks(page))
    }
    assert with_commands == followed | {"cluster.md"}
