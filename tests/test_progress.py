import time

import pytest

from poseline import log, progress


@pytest.fixture
def lines(capsys):
    log.configure(json=False)
    return lambda: capsys.readouterr().err.splitlines()


def test_a_pipe_gets_a_line_every_few_seconds(lines, monkeypatch):
    moments = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(moments))
    with progress.Progress(40, "epoch 1/2", "pictures", done=10) as shown:
        for _ in range(6):
            shown.advance(5, lambda: {"loss": 0.25, "val_oks": 0.5})
    found = [line for line in lines() if "progress" in line]
    assert 0 < len(found) < 4
    for part in ("of='epoch 1/2'", "pictures=25/40", "loss=0.25", "val_oks=0.5", "left="):
        assert part in found[0], part
    assert "pictures_per_s=" in found[0]


def test_the_rate_is_that_after_the_first_step_which_is_compiled(lines, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress.Progress(300, "epoch 1/1") as shown:
        for clock[0] in (60.0, 61.0, 75.0):
            shown.advance(15)
    first, second = (line for line in lines() if "progress" in line)
    assert "pictures=15/300" in first and "left" not in first
    assert second.endswith("pictures_per_s=2") and "left='2 min 8 s'" in second


def test_figures_are_not_computed_before_they_are_shown():
    with progress.Progress(2, "evaluate") as shown:
        shown.advance(1, lambda: pytest.fail("computed"))


def test_silence_is_explained_by_what_is_being_done(lines):
    with (
        progress.silence_explained(0.05),
        progress.doing("train"),
        progress.doing("compiling the training step"),
    ):
        time.sleep(0.3)
    found = [line for line in lines() if "busy" in line]
    assert found
    assert "doing='compiling the training step'" in found[0]
    assert len(found) < 5  # each waits twice as long as the one before


def test_nothing_is_said_where_nothing_is_done(lines):
    with progress.silence_explained(0.02):
        time.sleep(0.1)
    assert lines() == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (3900, "1 h 5 min")],
)
def test_durations_are_for_people(seconds, text):
    assert progress.duration(seconds) == text


def test_figures_have_no_exponent(lines, monkeypatch):
    moments = iter(range(0, 1000, 20))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(moments))
    with progress.Progress(10**7, "epoch 1/2") as shown:
        for _ in range(2):
            shown.advance(4 * 10**6, lambda: {"learning_rate": 6.167e-05, "loss": 123456.7})
    *_, line = (one for one in lines() if "progress" in one)
    for part in ("learning_rate=0.00006167", "loss=123457", "pictures_per_s=100000"):
        assert part in line, part
