import math

import pytest
from pydantic import ValidationError

from poseline.trainer.messages import Epoch, Failure


@pytest.mark.parametrize("figures", [{"loss": 0.5}, {}, {"loss": math.inf}])
def test_an_epoch_is_a_line_of_the_log(figures):
    line = Epoch(finished_epoch=3, figures=figures).model_dump_json()
    assert "\n" not in line
    assert Epoch.read(line) == Epoch(finished_epoch=3, figures=figures)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "epoch 3",
        '{"event": "epoch", "epoch": "1/20"}',
        '{"finished_epoch"',
        "{}",
        "[1]",
        '{"finished_epoch": -1, "figures": {}}',
        '{"finished_epoch": 1}',
    ],
)
def test_any_other_line_is_none(line):
    assert Epoch.read(line) is None


@pytest.mark.parametrize("text", ["", "Killed", "{}", '{"error": 1}', "Traceback …", '{"error": "'])
def test_any_other_last_message_is_no_failure(text):
    assert Failure.read(text) is None


def test_a_failure_has_an_exit_code():
    with pytest.raises(ValidationError):
        Failure(error="a", code=0)
