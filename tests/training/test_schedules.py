import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseline.errors import ConfigError
from poseline.training.schedules import SCHEDULES, schedule

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
    rate = schedule("LRCosineDecayRestarts", {"initial_lr": 1.0, "first_decay_steps": 5,
                                              "end_lr": 0.0, "t_mul": 2, "m_mul": 0.5})  # fmt: skip
    assert rate(0) == 1
    assert rate(5) == pytest.approx(0.5)
    assert rate(15) == pytest.approx(0.25)
    assert rate(4) < 0.2


def test_piecewise_changes_at_its_boundaries():
    rate = schedule("LRPiecewiseConstantDecay", {"boundaries": [3, 6], "values": [3, 2, 1]})
    assert [rate(e) for e in (0, 2, 3, 5, 6, 99)] == [3, 3, 2, 2, 1, 1]


@given(st.integers(0, 200))
def test_steps_never_fall_below_their_floor(epoch):
    rate = schedule("LRStepDecay", {"initial_lr": 1.0, "step_size": 7, "decay_rate": 0.3,
                                    "min_lr": 0.01})  # fmt: skip
    assert 0.01 <= rate(epoch) <= 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_wrong_setting_is_told_with_the_accepted_ones(name):
    with pytest.raises(ConfigError) as caught:
        schedule(name, {"inital_lr": 1})
    assert f"training.callbacks.{name}" in str(caught.value)
