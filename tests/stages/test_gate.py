import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.config.models.config import Config
from poseline.config.models.gate import Gate, model_name
from poseline.errors import BackendError, ConfigError, StoreError
from poseline.stages import gate
from poseline.stages.gate import EvaluatedOn, Promotion
from poseline.store.manifest import MANIFEST, Manifest

SHARE = st.floats(0, 1)


def config(**limits):
    return Config.model_validate({"gate": limits})


def evaluation(oks, *, known=True):
    return Manifest(
        "evaluate",
        "settings",
        inputs={"model": "m", "test": "people"},
        metrics={} if oks is None else {"oks": oks},
        summary={"pictures": 8, "accuracy_known": known},
    )


def benchmark(latency=36.6, fits=1.0):
    return Manifest(
        "benchmark",
        "b",
        metrics={"latency_ms_estimate": latency, "fits": fits},
        summary={"board": "STM32H747I-DISCO", "verdict": "STM32H747I-DISCO: internal (fits)"},
    )


def judged(**manifests):
    return {name.replace("_", "-"): manifest for name, manifest in manifests.items()}


@given(float_=SHARE, int8=SHARE, least=SHARE, drop=SHARE)
def test_accuracy_is_compared_as_it_is_asked(float_, int8, least, drop):
    measured = judged(evaluate_float=evaluation(float_), evaluate_int8=evaluation(int8))
    verdict = gate.decide(config(min_oks=least, max_oks_drop=drop), measured)
    assert [check.passed for check in verdict.checks] == [int8 >= least, float_ - int8 <= drop]
    assert verdict.passed == (int8 >= least and float_ - int8 <= drop)
    assert (verdict.oks, verdict.test) == (int8, EvaluatedOn("people", "settings", 8))


@pytest.mark.parametrize(
    ("limits", "measured", "found"),
    [
        ({"min_oks": 0.5}, {}, "not measured"),
        ({"min_oks": 0.5}, {"evaluate_int8": evaluation(None)}, "not measured"),
        ({"min_oks": 0.5}, {"evaluate_int8": evaluation(0.9, known=False)}, "random data"),
        ({"max_oks_drop": 0.1}, {"evaluate_int8": evaluation(0.9)}, "not measured"),
        ({"board_fit": True}, {}, "not estimated"),
        ({"board_fit": True}, {"benchmark": benchmark(fits=0.0)}, "STM32H747I-DISCO: internal"),
        ({"max_latency_ms": 30}, {"benchmark": benchmark()}, "36.6 ms"),
        ({"max_latency_ms": 30}, {}, "not estimated"),
    ],
)
def test_what_is_missing_or_too_bad_does_not_pass(limits, measured, found):
    (check,) = gate.decide(config(**limits), judged(**measured)).checks
    assert not check.passed
    assert found in check.found


def test_the_only_evaluation_is_judged_where_there_is_one():
    verdict = gate.decide(config(min_oks=0.5), judged(evaluate_float=evaluation(0.6)))
    assert (verdict.passed, verdict.oks) == (True, 0.6)


def test_no_limit_passes_every_model():
    assert gate.decide(config(), {}).passed
    assert "No limit is set" in gate.page(gate.decide(config(), {}))


@pytest.fixture
def folders(tmp_path):
    made = judged(
        evaluate_float=evaluation(0.7), evaluate_int8=evaluation(0.65), benchmark=benchmark()
    )
    for name, manifest in made.items():
        manifest.write(tmp_path / name)
    return {name: tmp_path / name for name in made}


def test_a_model_that_passes_is_handed_on(folders, tmp_path):
    seen = []

    def promote(verdict, inputs):
        seen.append((verdict.oks, set(inputs)))
        return Promotion("people", "3", promoted=False, why="challenger, 0.65 is not better")

    limits = config(min_oks=0.6, max_oks_drop=0.1, board_fit=True, max_latency_ms=50)
    result = gate.run(limits, folders, tmp_path / "out", promote=promote)
    assert seen == [(0.65, set(folders))]
    assert result.metrics == {"passed": 1.0, "oks": 0.65, "promoted": 0.0}
    page = result.files["page"].read_text()
    assert "# Gate: passed" in page
    assert "| OKS lost by int8 | at most 0.1 | 0.0500 (0.7000 → 0.6500) | passed |" in page
    assert "people, version 3: challenger, 0.65 is not better." in page
    found = json.loads(result.files["gate"].read_text())
    assert found["checks"][0]["name"] == "OKS"
    assert found["measured"] == {
        "oks_float": 0.7,
        "oks_int8": 0.65,
        "fits": 1.0,
        "latency_ms_estimate": 36.6,
    }
    Manifest.read(tmp_path / "out").verify(tmp_path / "out")


def test_a_model_that_fails_is_no_error_and_not_handed_on(folders, tmp_path):
    def promote(*_):
        pytest.fail("a model that failed was registered")

    result = gate.run(config(min_oks=0.9), folders, tmp_path / "out", promote=promote)
    assert result.metrics["passed"] == 0.0
    page = result.files["page"].read_text()
    assert "| OKS | at least 0.9 | 0.6500 | **failed** |" in page
    assert "Not registered: the gate is not passed." in page


def test_a_registry_that_is_away_leaves_nothing_half_done(folders, tmp_path):
    def promote(*_):
        raise BackendError("MLflow is away")

    with pytest.raises(BackendError):
        gate.run(config(), folders, tmp_path / "out", promote=promote)
    assert not (tmp_path / "out").exists()


def test_a_stage_that_did_not_finish_is_told(folders, tmp_path):
    (folders["benchmark"] / MANIFEST).unlink()
    with pytest.raises(StoreError, match="did not finish"):
        gate.run(config(), folders, tmp_path / "out")
    with pytest.raises(ConfigError, match="gate"):
        gate.decide(Config(), {})


@pytest.mark.parametrize(
    ("project", "name"),
    [("people", "people"), ("<unnamed>", "unnamed"), ("a/b: c's", "a-b- c-s"), ("///", "model")],
)
def test_a_project_gives_a_valid_name(project, name):
    assert model_name(Gate(), project) == name
    assert Gate(registered_model_name=name).registered_model_name == name


@pytest.mark.parametrize("name", ["a/b", "a:b", "it's", " a", "", "x" * 101])
def test_names_that_mlflow_refuses_are_refused(name):
    if name:
        with pytest.raises(ValueError, match="registered_model_name"):
            Gate(registered_model_name=name)
    else:
        assert Gate(registered_model_name=name).registered_model_name is None
