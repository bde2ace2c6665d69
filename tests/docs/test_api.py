"""The page of the Python API names what there is, and its examples run as they stand."""

import re

import pytest
from support.samples import ROOT

import poseline

PAGE = (ROOT / "docs/reference/api.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_name_has_a_row_and_every_row_a_name():
    rows = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    assert rows == set(poseline.__all__)


def test_the_first_example_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(BLOCKS[0], "api.md", "exec"), {})
    assert "did you mean `epochs`" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("source", ["page", "notebook"])
def test_all_examples_run_from_top_to_bottom(source, tmp_path, monkeypatch):
    from support.doc_blocks import notebook_cells

    from poseline.data.synthetic.generate import generate

    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    generate(tmp_path / "api/people", 32, 8, test=8, size=(96, 96), jobs=1)
    cells = BLOCKS if source == "page" else notebook_cells(ROOT / "examples/first_model.ipynb")
    assert len(cells) > 3
    names = {}
    for cell in cells:
        exec(compile(cell, source, "exec"), names)
