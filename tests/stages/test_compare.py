import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.cli.app import main
from poseline.errors import DataError
from poseline.report.comparison import SEPARATE
from poseline.report.ranking import Row, pareto, ranked
from poseline.runner.chain import CONFIG
from poseline.stages import compare
from poseline.store.manifest import Manifest

FIGURE = st.one_of(st.integers(-4, 4).map(float), st.floats(allow_nan=True))


def dominates(one, other):
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(st.lists(st.tuples(FIGURE, FIGURE), max_size=20))
def test_the_front_is_what_no_other_point_dominates(points):
    known = [point for point in points if not any(map(math.isnan, point))]
    expected = {
        index
        for index, point in enumerate(points)
        if point in known and not any(dominates(other, point) for other in known)
    }
    assert pareto(points) == expected


def evaluation(model, oks):
    return Manifest("evaluate", "c", inputs={"model": model, "test": "t"}, metrics={"oks": oks})


def benchmark(model, flash, latency, fits=1.0):
    return Manifest(
        "benchmark",
        "c",
        inputs={"model": model},
        summary={"board": "STM32H747I-DISCO"},
        metrics={"flash_kb": flash, "ram_kb": 300.0, "latency_ms_estimate": latency, "fits": fits},
    )


@pytest.mark.parametrize(
    ("source", "shown"), [("measured in TFLM", "300 (TFLM)"), ("estimate", "300 (estimate)")]
)
def test_the_ram_says_where_it_is_from(tmp_path, source, shown):
    made = replace(benchmark("int8", 1.0, 2.0), summary={"board": "b", "ram_source": source})
    compare.run({"a": [made]}, tmp_path / "out")
    for name in (compare.TABLE, compare.PAGE):
        assert shown in (tmp_path / "out" / name).read_text()


RUNS = {
    f"alpha {alpha}, input_size {side}": [
        evaluation("float", oks + 0.02),
        evaluation("int8", oks),
        benchmark("int8", flash, ms, fits),
    ]
    for alpha, side, oks, flash, ms, fits in (
        (0.35, 128, 0.52, 560.0, 130.0, 1.0),
        (0.35, 192, 0.61, 560.0, 290.0, 1.0),
        (0.35, 256, 0.60, 560.0, 510.0, 1.0),
        (0.5, 128, 0.55, 910.0, 210.0, 1.0),
        (0.5, 192, 0.66, 910.0, 470.0, 1.0),
        (0.5, 256, 0.68, 910.0, 830.0, 0.0),
        (1.0, 192, 0.71, 2560.0, 1400.0, 0.0),
    )
}


def test_runs_are_compared(tmp_path):
    (group,) = compare.run(RUNS, tmp_path / "out")
    rows = group.rows
    assert [row.name for row in rows][:2] == [
        "alpha 1.0, input_size 192",
        "alpha 0.5, input_size 256",
    ]
    assert {row.name for row in rows if row.best_by_flash} == {
        "alpha 0.35, input_size 192",
        "alpha 0.5, input_size 256",
        "alpha 1.0, input_size 192",
    }
    assert {row.name for row in rows if not row.best_by_latency} == {"alpha 0.35, input_size 256"}
    first = rows[0]
    assert (first.oks, first.oks_float, first.fits) == (0.71, 0.73, False)
    found = json.loads((tmp_path / "out" / compare.RESULT).read_text())[0]
    assert Row(**found | {"keypoints": tuple(found["keypoints"])}) == first
    table = (tmp_path / "out" / compare.TABLE).read_text()
    assert "| 1 | alpha 1.0, input_size 192 | 0.710 | 0.730 | 2,560 | 300 | 1,400.0 | no |" in table
    page = (tmp_path / "out" / compare.PAGE).read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert (tmp_path / "out" / compare.PICTURE).stat().st_size > 10_000


def test_what_was_not_measured_is_left_open(tmp_path):
    measured, unmeasured = compare.run(
        {"a": [evaluation("m", 0.5)], "b | c": [], "d": next(reversed(RUNS.values()))},
        tmp_path / "o",
    )
    assert [row.name for row in measured.rows] == ["d", "a"]
    assert [row.name for row in unmeasured.rows] == ["b | c"]
    assert not measured.rows[1].best_by_flash
    assert "| 1 | b \\| c | – | – | – | – | – | – |" in (tmp_path / "o" / compare.TABLE).read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"model": "m", "test": "another"}},
        {"summary": {"pictures": 7}},
        {"summary": {"oks_per_keypoint": {"nose": 0.4}}},
    ],
)
def test_what_was_measured_on_something_else_is_not_ranked(tmp_path, change):
    other = replace(evaluation("m", 0.9), **change)
    groups = compare.run({"a": [evaluation("m", 0.5)], "b": [other]}, tmp_path / "o")
    assert [len(group.rows) for group in groups] == [1, 1]
    assert len({group.title for group in groups}) == 2
    assert SEPARATE in (tmp_path / "o" / compare.TABLE).read_text()
    assert (tmp_path / "o" / "compare-2.png").is_file()


def test_boards_do_not_share_a_front():
    rows = [
        Row("a", oks=0.5, flash_kb=900, latency_ms=90, board="NUCLEO-F401RE"),
        Row("b", oks=0.6, flash_kb=800, latency_ms=10, board="STM32N6570-DK"),
    ]
    assert all(row.best_by_flash and row.best_by_latency for row in ranked(rows))
    same = [replace(row, board="STM32N6570-DK") for row in rows]
    assert [row.name for row in ranked(same) if row.best_by_flash] == ["b"]


def test_nothing_to_compare_is_told(tmp_path):
    with pytest.raises(DataError, match="no run to compare"):
        compare.run({}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def called(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_compare_names_experiments_by_what_differs(tmp_path, capsys):
    folders = []
    for number, (name, manifests) in enumerate(RUNS.items()):
        folder = tmp_path / f"run{number}"
        for manifest, place in zip(
            manifests, ("evaluation/float", "evaluation/int8", "b"), strict=True
        ):
            manifest.write(folder / place)
        alpha, side = name.removeprefix("alpha ").split(", input_size ")
        (folder / CONFIG).write_text(
            f"general: {{project_name: people}}\nhydra: {{run: {{dir: {folder}}}}}\n"
            f"training: {{model: {{alpha: {alpha}, input_shape: [{side}, {side}, 3]}}}}\n"
        )
        folders.append(folder)
    assert called("compare", *folders, "--out", tmp_path / "out") == 0
    table = (tmp_path / "out" / "compare.md").read_text()
    assert "| 1 | alpha 1.0, input_shape [192, 192, 3] | 0.710 | 0.730 |" in table
    assert (tmp_path / "out" / "compare.html").is_file()
    assert "compare.html" in capsys.readouterr().out


def test_compare_tells_what_is_no_experiment(tmp_path, capsys):
    assert called("compare", tmp_path, "--out", tmp_path / "out") == 3
    assert "is not a run directory" in capsys.readouterr().err
