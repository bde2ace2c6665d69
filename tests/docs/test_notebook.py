"""The notebook of the examples, run cell by cell on fewer pictures."""

import json
import re
import subprocess
import sys

import pytest
from support.samples import ROOT

SMALLER = [(r"train=\d+", "train=24"), (r"(val|test)=\d+", r"\1=8"), (r"epochs=\d+", "epochs=1")]


@pytest.mark.slow
def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path):
    notebook = json.loads((ROOT / "examples" / "first_model.ipynb").read_text())
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    code = "\n".join(cells) + "\nprint(result.files['contact_sheet'].stat().st_size)\n"
    for pattern, replacement in SMALLER:
        code = re.sub(pattern, replacement, code)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "cells.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "cells.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 10_000
