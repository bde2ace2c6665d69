"""Why a chain failed: as tags of its run, without secrets."""

import pytest

from poseline.errors import DataError, StoreError
from poseline.tracking.failures import Failure, fitting
from poseline.tracking.results import Result


def test_a_failure_is_read_as_it_was_written():
    failure = Failure.of("train", DataError("a.jpg is cut off", "convert it again"))
    assert failure == Failure("train", "a.jpg is cut off", "convert it again", 3)
    assert Failure.read(failure.tags) == Result("r", "FAILED", tags=failure.tags).failure == failure
    assert str(failure) == "train: a.jpg is cut off\n  → convert it again"


def test_what_is_no_error_of_ours_has_its_kind():
    assert Failure.of("train", ValueError("shapes")) == Failure("train", "ValueError: shapes")


@pytest.mark.parametrize("code", ["", "x", "-1", "9999", "٣"])
def test_tags_of_others_are_no_trace(code):
    assert Failure.read({"poseline.error": "text", "poseline.exit_code": code}).exit_code == 1
    assert Failure.read({"poseline.error": ""}) is None and Failure.read({}) is None


def test_secrets_are_masked_and_long_texts_cut(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hush-hush")
    error = StoreError("s3://user:pass@host/a answers hush-hush", "see http://u:p@mlflow")
    shown = str(Failure.of("train", error))
    assert "pass" not in shown and "hush" not in shown and "u:p" not in shown
    assert "s3://***@host/a" in shown
    assert len(fitting("a" * 100_000)) == 2000
