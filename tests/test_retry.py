import time

import pytest

from poseline import retry
from poseline.retry import retrying


class Flaky:
    """Fails a number of times; keeps the times of its calls."""

    def __init__(self, failures, error=ConnectionError):
        self.failures, self.error, self.calls = failures, error, []

    def __call__(self, secret=""):
        self.calls.append(time.monotonic())
        if len(self.calls) <= self.failures:
            raise self.error(f"failure {len(self.calls)}")
        return "done"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)


def test_what_may_mend_itself_is_tried_again_with_growing_pauses():
    flaky = Flaky(4)
    assert retrying(ConnectionError)(flaky.__call__)() == "done"
    pauses = [after - before for before, after in zip(flaky.calls, flaky.calls[1:], strict=False)]
    assert all(pause >= 0.01 * 2**n for n, pause in enumerate(pauses))


@pytest.mark.parametrize(
    ("limits", "calls"), [({"attempts": 3}, 3), ({"attempts": 1}, 1), ({"seconds": 0}, 1)]
)
def test_the_last_error_is_raised(limits, calls):
    flaky = Flaky(99)
    with pytest.raises(ConnectionError, match=f"failure {calls}$"):
        retrying(ConnectionError, **limits)(flaky.__call__)()


def test_a_limit_of_time():
    flaky = Flaky(99)
    with pytest.raises(ConnectionError):
        retrying(ConnectionError, seconds=0.1)(flaky.__call__)()
    assert 3 <= len(flaky.calls) <= 6


def test_other_errors_are_raised_at_once():
    flaky = Flaky(1, ValueError)
    with pytest.raises(ValueError, match="failure 1"):
        retrying(lambda error: isinstance(error, ConnectionError))(flaky.__call__)()


def test_a_long_wait_is_logged_without_the_arguments(monkeypatch, capfd):
    monkeypatch.setattr(retry, "_QUIET_S", 0.05)
    retrying(ConnectionError)(Flaky(4).__call__)("hunter2")
    lines = "".join(capfd.readouterr()).splitlines()
    warnings = [line for line in lines if "warning" in line]
    assert "failure 4" in warnings[-1] and "failure 1" not in warnings[0]
    assert "hunter2" not in "".join(lines)
