"""How a component is started where it runs: by its name, with what KFP's launcher gives it."""

import json
import os
import subprocess
import sys

import pytest
from support.samples import ROOT

from poseline.tasks.parameters import RunReference, read_slice
from poseline_kfp.components.declared import COMMAND
from poseline_kfp.pipelines.form import CONFIG

OUTPUTS = (
    "convert",
    "train",
    "quantize",
    "evaluate",
    "predict",
    "benchmark",
    "gate",
    "data",
    "run",
)


def started(name, folder, **parameters):
    """Start a component as KFP's launcher does; return its exit code, and what it said and made."""
    given = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "parameters": {key: {"outputFile": str(folder / key)} for key in OUTPUTS},
            "outputFile": str(folder / "outputs.json"),
        },
    }
    command = [sys.executable, *COMMAND[1:], "--executor_input", json.dumps(given)]
    done = subprocess.run(
        [*command, "--function_to_execute", name],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    made = folder / "outputs.json"
    found = json.loads(made.read_text())["parameterValues"] if made.exists() else {}
    return done.returncode, done.stdout + done.stderr, found


@pytest.fixture
def yolo(tmp_path):
    (tmp_path / "set" / "train").mkdir(parents=True)
    for name in ("a.jpg", "a.txt"):
        (tmp_path / "set" / "train" / name).touch()
    return str(tmp_path / "set")


def test_resolve_gets_the_form_and_hands_on_slices(tmp_path, yolo):
    entered = {"dataset": yolo, "epochs": 7, "alpha": 0.5, "board": ""}
    passed = {"chain": "chain_tqeb", "config": CONFIG, "variant": {"input_size": 96.0}}
    code, said, found = started("resolve", tmp_path, **passed, **entered)
    assert code == 0, said
    train = read_slice(found["train"])["training"]
    assert train["epochs"] == 7
    assert train["model"]["alpha"] == 0.5
    assert train["model"]["input_shape"] == [96, 96, 3]
    assert RunReference.read(found["run"]).variant == "input_size 96"
    assert found["convert"] == "{}"


def test_what_was_entered_wrong_ends_with_its_code(tmp_path, yolo):
    code, said, _ = started(
        "resolve", tmp_path, chain="chain_tqeb", config=CONFIG, dataset=yolo, board="TOASTER"
    )
    assert code == 2 and "TOASTER" in said
    assert "Traceback" not in said
