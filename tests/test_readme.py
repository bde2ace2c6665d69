"""Every command of the README is run, on a set and a config that are made small."""

import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from samples import ROOT, TINY

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_are_there(command):
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_poseline_commands_run(people, tmp_path):
    shutil.copytree(people, tmp_path / "coco")
    sets = tmp_path / "sets" / "single" / "17kpts"
    text = TINY + (f"mlflow: {{uri: {tmp_path}/mlruns}}\nhydra: {{run: {{dir: {tmp_path}/run}}}}\n")
    paths = f"dataset: {{training_path: {sets}/train, validation_path: {sets}/val, "
    (tmp_path / "config.yaml").write_text(text.replace("dataset: {", paths))
    script = Path(sysconfig.get_path("scripts")) / "poseline"
    for command in COMMANDS:
        if not command.startswith("poseline "):
            continue
        if "best_model.h5" in command:
            shutil.copy(tmp_path / "run/saved_models/best_model.h5", tmp_path)
            shutil.copytree(sets / "val", tmp_path / "pictures")
        done = subprocess.run(
            [str(script), *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
