"""What tasks hand on to one another arrives as it was sent, in text without quotes."""

import math
from dataclasses import replace

import pytest

from poseline.config.loading import run_form
from poseline.report.ranking import Row
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest
from poseline.tasks.parameters import (
    DataSources,
    Figures,
    RunReference,
    StageInputs,
    read_slice,
    written,
)
from poseline.tasks.resolve import resolve
from poseline_kfp.pipelines.form import CONFIG

WORDS = ["", "yes", "null", "1e5", "0x1f", "12:30:45", "2024-01-01", "a: b", "- x", "{a}", "#no"]
LONG = ["two\nlines\n", "\ttab", "'one' \"two\"", "日本 \U0001f3c3", "word " * 80]
NUMBERS = [None, True, 3, 1.0, 1e-05, 1e300, -0.0, math.inf]
ODD = [*WORDS, *LONG, *NUMBERS, [], {}, [[1, 2], {"a": None}]]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_value_arrives_as_it_was_sent(value):
    found = read_slice(written({"key": value, "yes": [value]}))
    assert found == {"key": value, "yes": [value]}
    assert type(found["key"]) is type(value)


def test_not_a_number_arrives():
    assert math.isnan(read_slice(written({"oks": math.nan}))["oks"])


def test_parameters_arrive_as_they_were_sent():
    run = RunReference(mlflow="http://u:p@h:5000", project="null", variant="alpha 0.35, size 192")
    assert RunReference.read(run.text()) == run
    inputs = StageInputs(inputs={"training": "s3://b/{a}: #"}, content={"source": "0e1234"})
    assert StageInputs.read(inputs.text()) == inputs
    assert StageInputs.read(StageInputs().text()) == StageInputs()


def test_a_slice_has_no_quotes():
    config = run_form.read(CONFIG, "chain_tqeb", {"dataset": "s3://bucket/set"}, look=False)
    for stage in ("convert", "train", "quantize", "evaluate", "benchmark"):
        assert '"' not in written(config.slice(stage))


def test_a_renamed_project_does_not_convert_again(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.jpg").touch()
    (tmp_path / "train" / "a.txt").touch()
    given = []
    for place in ("{project_name: one}", "{project_name: two}"):
        text = f"{CONFIG}\nmlflow: {{uri: 'http://{place[-4:-1]}:5000'}}"
        text = text.replace("project_name: ", f"project_name: {place[-4:-1]}")
        found = resolve(text, "chain_tqeb", {"dataset": str(tmp_path)})
        assert found.config.general.project_name.startswith(place[-4:-1])
        given.append((found.slices.get("convert"), DataSources(**found.data).text()))
    assert given[0] == given[1]


def test_figures_are_what_gate_and_comparison_read(tmp_path):
    """Each byte of them is in six nodes of a workflow."""
    points = {f"point_{number:02}": 1 / 3 for number in range(17)}
    boards = [{"board": f"board {number}", "reason": "fits into the chip"} for number in range(15)]
    measured = {"pictures": 8, "oks_per_keypoint": points, "verdict": "internal", "boards": boards}
    made = Manifest("evaluate", "0" * 64, {"test": "1" * 64}, metrics={"oks": 0.5})
    made = replace(made, summary=measured, versions={"keras": "3.15.1"}, created="2026-01-01")
    made.write(tmp_path)
    text = Figures.of(StageResult.load(tmp_path), RunReference(mlflow="", project="p")).text()
    assert "boards" not in text and "keras" not in text and "created: ''" in text
    told = Figures.read(text).as_manifest
    assert Row.of("m", [told]) == Row.of("m", [made])
    assert (told.metrics, told.inputs, told.config_hash) == (
        made.metrics,
        made.inputs,
        made.config_hash,
    )
