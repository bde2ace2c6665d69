import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.errors import ConfigError
from poseline.training.learning_rate import SCHEDULES, schedule

DECAYS = {
    "LRLinearDecay": {"initial_lr": 0.1, "hold_steps": 3, "decay_steps": 10, "end_lr": 0.001},
    "LRCosineDecay": {"initial_lr": 0.1, "hold_steps": 3, "decay_steps": 10, "end_lr": 0.001},
    "LRPolynomialDecay": {"initial_lr": 0.1, "hold_steps": 3, "decay_steps": 10, "end_lr": 0.001},
    "LRExponentialDecay": {"initial_lr": 0.1, "hold_steps": 3, "decay_rate": 0.5, "min_lr": 0.001},
}


@pytest.mark.parametrize("name", DECAYS)
def test_it_holds_then_falls_to_its_end(name):
    rate = schedule(name, DECAYS[name])
    rates = [rate(epoch) for epoch in range(30)]
    assert rates[:4] == [pytest.approx(0.1)] * 4
    assert sorted(rates, reverse=True) == rates
    assert rates[-1] == pytest.approx(0.001)


def test_warm_up_rises_linearly_then_decays():
    settings = DECAYS["LRCosineDecay"] | {"initial_lr": 0.0, "max_lr": 0.1, "warmup_steps": 4}
    rate = schedule("LRWarmupCosineDecay", settings)
    assert [rate(e) for e in range(5)] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert rate(100) == pytest.approx(0.001)


def test_restarts_come_later_and_lower():
    rate = schedule(
        "LRCosineDecayRestarts",
        {"initial_lr": 1.0, "first_decay_steps": 5, "end_lr": 0.0, "t_mul": 2, "m_mul": 0.5},
    )
    assert rate(0) == 1
    assert rate(5) == pytest.approx(0.5)
    assert rate(15) == pytest.approx(0.25)
    assert rate(4) < 0.2


def test_piecewise_changes_at_its_boundaries():
    rate = schedule("LRPiecewiseConstantDecay", {"boundaries": [3, 6], "values": [3, 2, 1]})
    assert [rate(e) for e in (0, 2, 3, 5, 6, 99)] == [3, 3, 2, 2, 1, 1]


@given(st.integers(0, 200))
def test_steps_never_fall_below_their_floor(epoch):
    rate = schedule(
        "LRStepDecay", {"initial_lr": 1.0, "step_size": 7, "decay_rate": 0.3, "min_lr": 0.01}
    )
    assert 0.01 <= rate(epoch) <= 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_wrong_setting_is_told_with_the_accepted_ones(name):
    with pytest.raises(ConfigError) as caught:
        schedule(name, {"inital_lr": 1})
    assert f"training.callbacks.{name}" in str(caught.value)


def cos(t):
    return (1 + math.cos(math.pi * t)) / 2


COMMON = {"initial_lr": 0.1, "hold_steps": 3, "decay_steps": 8, "end_lr": 0.01}
FORMS = {
    "LRLinearDecay": (COMMON, lambda e, t: 0.1 - 0.09 * t),
    "LRCosineDecay": (COMMON, lambda e, t: 0.01 + 0.09 * cos(t)),
    "LRPolynomialDecay": (COMMON | {"power": 2.0}, lambda e, t: 0.01 + 0.09 * (1 - t) ** 2),
    "LRPolynomialDecayRestarts": (
        COMMON | {"power": 0.5},
        lambda e, t: 0.01 + 0.09 * (1 - max(e - 3, 0) % 8 / 8) ** 0.5,
    ),
    "LRExponentialDecay": (
        {"initial_lr": 0.1, "hold_steps": 3, "decay_rate": 0.3, "min_lr": 0.02},
        lambda e, t: max(0.1 * math.exp(-0.3 * max(e - 3, 0)), 0.02),
    ),
    "LRStepDecay": (
        {"initial_lr": 0.1, "step_size": 4, "decay_rate": 0.5, "min_lr": 0.02},
        lambda e, t: max(0.1 * 0.5 ** (e // 4), 0.02),
    ),
}


@pytest.mark.parametrize("verbose", [{}, {"verbose": 1}])
@pytest.mark.parametrize("name", FORMS)
def test_a_schedule_is_its_closed_form(name, verbose):
    settings, form = FORMS[name]
    rate = schedule(name, settings | verbose)
    expected = [form(e, min(max(e - 3, 0) / 8, 1)) for e in range(30)]
    assert [rate(e) for e in range(30)] == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name in FORMS if not name.endswith("Restarts")])
def test_warmed_up_it_is_the_same_later(name):
    settings, form = FORMS[name]
    warm = settings | {"initial_lr": 0.02, "max_lr": 0.1, "warmup_steps": 5}
    rate = schedule(name.replace("LR", "LRWarmup", 1), warm)
    rise = [0.02 + 0.08 * e / 5 for e in range(5)]
    after = [form(e, min(max(e - 3, 0) / 8, 1)) for e in range(25)]
    assert [rate(e) for e in range(30)] == pytest.approx([*rise, *after])
    at_once = schedule(name.replace("LR", "LRWarmup", 1), warm | {"warmup_steps": 0})
    assert at_once(0) == pytest.approx(0.1)


def test_the_rate_is_drawn_before_a_training(tmp_path):
    from poseline.cli.config import lr_plot

    config = tmp_path / "config.yaml"
    config.write_text(
        "operation_mode: training\ndataset: {keypoints: 17, training_path: x}\n"
        "training: {batch_size: 1, epochs: 30, optimizer: Adam, model: {}, callbacks: "
        "{LRWarmupCosineDecay: {initial_lr: 1e-6, warmup_steps: 5, max_lr: 0.001, hold_steps: 5, "
        "decay_steps: 20, end_lr: 1e-6}}}"
    )
    lr_plot(config, out=tmp_path / "rate.png")
    assert (tmp_path / "rate.png").read_bytes().startswith(b"\x89PNG")
    plateau = "training.callbacks={ReduceLROnPlateau: {patience: 3}}"
    with pytest.raises(ConfigError, match="reacts to the training and cannot be drawn"):
        lr_plot(config, plateau, out=tmp_path / "none.png")
