from conftest import ROOT

from poseline.config import load
from poseline.config.schema import generate


def test_nothing_generated_is_stale():
    assert generate(ROOT, check=True) == []


def test_the_examples_load():
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    assert examples
    for path in examples:
        load.load(path)
