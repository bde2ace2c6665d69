"""Every command of the README is run, on a set and a config that are made small.

Those for a cluster run in tests/cluster/test_chart_readme.py.
"""

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml
from support.samples import ROOT, TINY

from poseline.boards.figures import FIGURES
from poseline.config.loading.load import parse

TEXT = re.sub(r"\n## On a cluster\n.*?(?=\n## )", "", (ROOT / "README.md").read_text(), flags=re.S)
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", TEXT, re.S)
    for line in block.splitlines()
    if line.strip()
]
PROGRAMS = ("make", "poseline", "python")


def test_every_command_is_of_a_kind_that_is_run():
    assert {command.split()[0] for command in COMMANDS} == set(PROGRAMS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_are_there(command):
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


def test_settings_that_are_shown_are_settings():
    shown = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    assert shown
    for block in shown:
        config = parse(TINY + block, ["dataset.training_path=set"])
        for section, keys in yaml.safe_load(block).items():
            assert getattr(config, section).model_dump(include=keys) == keys


def test_the_figures_of_the_demo_have_the_labels_that_it_prints():
    (table,) = re.findall(r"Benchmark\n┏.*?╇━+┩\n(.*?)└", TEXT, re.S)
    rows = [line.split("│")[1:3] for line in table.splitlines()]
    labels = re.split(
        r" ?\n", "".join(f"\n{a.strip()}" if b.strip() else f" {a.strip()}" for a, b in rows)
    )
    known = {figure.label for figure in FIGURES.values()}
    assert {"multiply-accumulates (MACC)", "latency on the board (estimate)"} <= set(labels)
    for label in labels:
        if label.endswith((")", "KB", "MB", "ms")):
            assert label in known or label.partition(" (measured in")[0] in known, label


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_commands_run(people, kubeflow_api, tmp_path):
    shutil.copytree(people, tmp_path / "coco")
    sets = tmp_path / "sets" / "single" / "17kpts"
    text = TINY + f"mlflow: {{uri: {tmp_path}/mlruns}}\nhydra: {{run: {{dir: {tmp_path}/run}}}}\n"
    paths = f"dataset: {{training_path: {sets}/train, validation_path: {sets}/val, "
    (tmp_path / "config.yaml").write_text(text.replace("dataset: {", paths))
    scripts = Path(sysconfig.get_path("scripts"))
    environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost"}
    for command in COMMANDS:
        program, *arguments = shlex.split(command.replace("http://localhost:8888", kubeflow_api))
        if program == "make":
            continue
        if program == "python":
            arguments[0] = str(ROOT / arguments[0])
        if "best_model.h5" in command:
            shutil.copy(tmp_path / "run/saved_models/best_model.h5", tmp_path)
            shutil.copytree(sets / "val", tmp_path / "pictures")
        done = subprocess.run(
            [str(scripts / program), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
