import json
import re

import pytest
from support.tiny_models import convolutional_onnx

from poseline.boards.table import BOARDS
from poseline.cli.app import main


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_a_graph_is_listed_by_its_operations(tmp_path, capsys):
    model = convolutional_onnx(tmp_path / "m.onnx")
    found = json.loads(called(capsys, "summary", model, "--json"))
    first, second, last = found["layers"]
    assert (first["kind"], first["parameters"], first["macc"]) == ("CONV_2D", 392, 8 * 8 * 8 * 48)
    assert (second["kind"], second["parameters"], second["macc"]) == (
        "CONV_2D",
        8 * 17 + 17,
        8 * 8 * 8 * 17,
    )
    assert (last["number"], last["kind"], last["parameters"]) == (2, "LOGISTIC", 0)
    assert found["parameters"] == 392 + 153
    assert found["macc"] == first["macc"] + second["macc"]
    shown = called(capsys, "summary", model)
    assert "3 layers, 545 parameters, 33,280 MACC" in shown


@pytest.mark.parametrize("name", ["missing.onnx", "text.txt", "damaged.tflite"])
def test_what_is_no_model_is_reported(tmp_path, capsys, name):
    if not name.startswith("missing"):
        (tmp_path / name).write_text("no model")
    for arguments in (("summary", tmp_path / name), ("boards", "--fits", tmp_path / name)):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert end.value.code == 4
        assert "→" in capsys.readouterr().err


def test_boards_fit_80_columns(tmp_path, capsys):
    model = convolutional_onnx(tmp_path / "m.onnx")
    for arguments in (("boards",), ("boards", "--fits", model)):
        shown = called(capsys, *arguments)
        assert max(map(len, shown.splitlines())) <= 80
        assert all(board.name in shown for board in BOARDS)
        assert not re.search(r"\de[+-]?\d", shown)


def test_per_tensor_and_per_channel_are_told_apart(capsys):
    shown = called(capsys, "boards")
    assert "1.27 (4)" in shown
    assert "1.53 (9)" in shown
    (board,) = (
        one
        for one in json.loads(called(capsys, "boards", "--json"))
        if one["name"] == "STM32MP257F-EV1"
    )
    first, second = board["latency_error"].values()
    assert first != second


def test_the_fit_of_a_model_explains_margins(tmp_path, capsys):
    model = convolutional_onnx(tmp_path / "m.onnx")
    said = " ".join(called(capsys, "boards", "--fits", model).split())
    assert "A negative number is missing memory" in said
    found = json.loads(called(capsys, "boards", "--fits", model, "--json"))
    assert [one["board"] for one in found["boards"]] == [board.name for board in BOARDS]
    assert found["macc"] == 33_280
