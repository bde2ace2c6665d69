import pytest

from poseline.cli import main


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code


def test_a_config_mistake_exits_2_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("training: {bach_size: 3, epochs: 1, optimizer: Adam}\n")
    assert exit_code("validate", str(path)) == 2
    said = capsys.readouterr().err
    assert "did you mean `batch_size`" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [("nothing",), ("validate",), ("chain", "xyz", "a.yaml")])
def test_a_wrong_command_line_exits_2(arguments, capsys):
    assert exit_code(*arguments) == 2
    assert "--help`" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "validate"])
def test_a_config_that_is_missing_is_called_as_the_help_calls_it(command, capsys):
    assert exit_code(command) == 2
    assert f"`poseline {command}` needs CONFIG." in capsys.readouterr().err


def test_a_project_without_a_name_is_named_after_its_file(tmp_path, capsys):
    for text, name in (("", "kitchen"), ("general: {project_name: bath}\n", "bath")):
        (tmp_path / "kitchen.yaml").write_text(
            f"{text}operation_mode: benchmarking\nbenchmarking: {{board: NUCLEO-F401RE}}\n"
        )
        override = "general.model_path=m.tflite"
        assert exit_code("validate", str(tmp_path / "kitchen.yaml"), override) == 0
        assert f"project_name: {name}" in capsys.readouterr().out


def test_a_missing_file_names_the_near_one(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("")
    assert exit_code("validate", str(tmp_path / "confg.yaml")) == 2
    assert "config.yaml?" in capsys.readouterr().err


def test_help_is_there_without_tensorflow(capsys):
    import subprocess
    import sys

    code = (
        "import sys, poseline.cli; sys.exit(any(m in sys.modules for m in "
        "('tensorflow', 'keras', 'mlflow', 'matplotlib', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert exit_code("--help") == 0
    assert "chain" in capsys.readouterr().out


def test_a_set_is_drawn_onto_s3(storage):
    from poseline import store
    from poseline.cli.dataset import synthesize

    synthesize(f"s3://{storage}/drawn", train=3, val=1, size=(64, 64))
    names = store.listing(f"s3://{storage}/drawn")
    assert sum(name.endswith(".jpg") for name in names) == 4
    assert "annotations/person_keypoints_train.json" in names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init",), "`poseline init` needs --set."),
        (("train", "c.yaml", "--epochs", "3"), "changed by `key=value`, such as `training.epochs"),
        (("tqeb", "c.yaml"), "Did you mean `poseline chain tqeb`?"),
        (("chain_qd", "c.yaml"), "Did you mean `poseline chain qd`?"),
        (("run", "c.yaml"), "poseline run --config-name c.yaml"),
        (("validate", "c.yaml", "training.epochs", "3"), "a word without `=`"),
    ],
)
def test_a_newcomers_slip_is_answered_with_what_was_meant(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("operation_mode: training\n")
    assert exit_code(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_picture_in_the_place_of_a_config_is_not_called_a_codec(tmp_path, capsys):
    (tmp_path / "show.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert exit_code("validate", str(tmp_path / "show.jpg")) == 2
    said = capsys.readouterr().err
    assert "in the command line" in said
    assert "a file that is not text, from byte 0 on" in said


def test_a_resolved_config_has_no_number_with_an_exponent(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(
        "operation_mode: training\ntraining: {model: {name: st_movenet_lightning_heatmaps, "
        "alpha: 0.35, input_shape: [64, 64, 3]}, epochs: 3, batch_size: 2, "
        "optimizer: {Adam: {learning_rate: 1.0e-05, epsilon: 2.5e-07}}}\n"
        "dataset: {name: a, keypoints: 17, training_path: there}\n"
    )
    assert exit_code("validate", str(path)) == 0
    said = capsys.readouterr().out
    assert "learning_rate: 0.00001\n" in said
    assert "epsilon: 0.00000025\n" in said
