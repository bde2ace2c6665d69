import io
import json
import multiprocessing
from pathlib import Path

import pytest
from support.run_directories import STEPS, run_directory

from poseline.cli.app import main
from poseline.runner.chain import LOCK
from poseline.store.lock import locked
from poseline.store.manifest import Manifest
from poseline.store.ownership import MARK


@pytest.fixture(autouse=True)
def narrow(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def called(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def listed(capsys, *arguments):
    assert called("runs", "list", *arguments, "--json") == 0
    return {run["name"]: run for run in json.loads(capsys.readouterr().out)}


def test_runs_are_listed_with_their_figures_and_states(tmp_path, capsys):
    run_directory(tmp_path / "runs" / "whole", oks=0.61)
    run_directory(tmp_path / "runs" / "sweep" / "half", steps=STEPS[:2])
    (tmp_path / "runs" / "configs").mkdir()
    (tmp_path / "runs" / "configs" / "config.yaml").write_text("hydra: {run: {dir: x}}\n")
    runs = listed(capsys, "runs")
    assert set(runs) == {"whole", "sweep/half"}
    whole = runs["whole"]
    assert (whole["oks_float"], whole["oks_int8"]) == (pytest.approx(0.63), 0.61)
    assert (whole["flash_kb"], whole["ram_kb"], whole["latency_ms"]) == (601.0, 90.0, 36.4)
    assert (whole["board"], whole["fits"], whole["state"]) == ("STM32H747I-DISCO", True, "finished")
    assert runs["sweep/half"]["detail"] == "unfinished: no quantize, evaluate, benchmark"
    assert runs["sweep/half"]["oks_int8"] is None


def test_a_training_alone_is_listed_with_the_oks_of_its_best_epoch(tmp_path, capsys):
    run_directory(tmp_path / "runs" / "trained", steps=("train",), oks=0.4)
    run_directory(tmp_path / "runs" / "whole", oks=0.4)
    assert called("runs", "list", "runs") == 0
    assert capsys.readouterr().out.count("OKS 0.430 in validation") == 1
    assert listed(capsys, "runs")["trained"]["oks_validation"] == pytest.approx(0.43)


def test_tables_of_runs_fit_80_columns(tmp_path, capsys):
    name = "a_project_with_a_name_that_goes_on_and_on/2026_01_31_12_00_00"
    run_directory(tmp_path / "experiments_outputs" / name, latency=12345.6, board="STM32N6570-DK")
    run_directory(tmp_path / "experiments_outputs" / "b", alpha=0.5)
    for arguments in (("runs", "list"), ("runs", "show", name), ("compare",)):
        assert called(*arguments) == 0
        shown = capsys.readouterr().out
        tables = [line for line in shown.splitlines() if "experiments_outputs/" not in line]
        assert max(map(len, tables)) <= 80
        assert "12,345.6" in shown


def test_a_run_that_goes_on_is_running(tmp_path, capsys):
    folder = run_directory(tmp_path / "runs" / "a", steps=())
    with locked(folder / LOCK, folder):
        assert listed(capsys, "runs")["a"]["state"] == "running"
        assert called("runs", "rm", folder, "--yes") == 5
    assert listed(capsys, "runs")["a"]["state"] == "unfinished"


def _hold(folder, ready, end):
    with locked(folder / LOCK, folder):
        ready.set()
        end.wait()


def test_a_run_of_another_process_is_running(tmp_path, capsys):
    folder = run_directory(tmp_path / "runs" / "a", steps=())
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(folder, ready, end))
    other.start()
    try:
        assert ready.wait(30)
        assert f"process {other.pid}" in listed(capsys, "runs")["a"]["detail"]
        assert called("runs", "rm", folder, "--yes") == 5
        assert folder.is_dir()
    finally:
        end.set()
        other.join()


def test_show_names_the_steps_and_the_files(tmp_path, capsys):
    run_directory(tmp_path / "experiments_outputs" / "a", steps=STEPS[:3])
    assert called("runs", "show", "a") == 0
    shown = capsys.readouterr().out
    assert "not finished" in shown
    assert "saved_models/quantized_models/model.tflite" in shown
    assert called("runs", "show", "a", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"]["train model"].endswith("best_model.h5")


def test_compare_takes_a_folder_of_runs(tmp_path, capsys):
    run_directory(tmp_path / "runs" / "a", alpha=0.35, oks=0.5)
    run_directory(tmp_path / "runs" / "b", alpha=0.5, oks=0.6)
    run_directory(tmp_path / "runs" / "half", steps=STEPS[:1])
    assert called("compare", "runs", "--out", "out") == 0
    said = capsys.readouterr()
    assert "left out: runs/half: unfinished: no evaluate, quantize, benchmark" in said.err
    first, second = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert (first["name"], first["oks"], first["oks_float"]) == ("alpha 0.5", 0.6, 0.62)
    assert (second["name"], second["oks"]) == ("alpha 0.35", 0.5)
    assert str(tmp_path / "runs" / "b" / "report.html") in said.out.replace("\n", "")
    page = (tmp_path / "out" / "compare.html").read_text()
    assert 'href="../runs/b/report.html"' in page
    assert "[b](../runs/b/report.html)" in (tmp_path / "out" / "compare.md").read_text()


def test_runs_of_different_test_sets_get_tables_of_their_own(tmp_path, capsys):
    run_directory(tmp_path / "runs" / "a", test="one")
    run_directory(tmp_path / "runs" / "b", test="another")
    run_directory(tmp_path / "runs" / "c", test="one", keypoints=("nose", "left_wing"))
    assert called("compare", "runs") == 0
    shown = capsys.readouterr().out
    assert shown.count("Runs by OKS") == 3
    assert "measured on the same test set" in shown


def test_compare_says_where_nothing_is_finished(tmp_path, capsys):
    run_directory(tmp_path / "runs" / "a", steps=())
    assert called("compare", "runs") == 3
    assert "no finished run in runs" in capsys.readouterr().err
    assert not (tmp_path / "comparison").exists()


def test_rm_removes_what_is_ours(tmp_path, capsys):
    run_directory(tmp_path / "experiments_outputs" / "a")
    half = run_directory(tmp_path / "half", steps=())
    (half / "saved_models" / "training.json").write_text('{"settings": {}, "inputs": {}}')
    for left in half.rglob("model.tflite"):
        left.unlink()
    assert called("runs", "rm", "a", half, "--dry-run") == 0
    assert half.is_dir()
    assert called("runs", "rm", "a", half, "--yes") == 0
    assert list((tmp_path / "experiments_outputs").iterdir()) == []
    assert not half.exists()
    assert "removed" in capsys.readouterr().out


def changed_model(folder):
    (folder / "saved_models" / "best_model.h5").write_bytes(b"another")


def added_note(folder):
    (folder / "benchmark" / "notes.txt").write_text("mine")


def added_link(folder):
    (folder / "linked").symlink_to(Path.home())


def changed_config(folder):
    path = folder / "config.yaml"
    path.write_text(path.read_text() + "# mine\n")


def changed_report(folder):
    (folder / "report.html").write_text("mine")


def note_among_logs(folder):
    (folder / "logs").mkdir()
    (folder / "logs" / "notes.txt").write_text("mine")


@pytest.mark.parametrize(
    "change",
    [changed_model, added_note, added_link, changed_config, changed_report, note_among_logs],
)
def test_rm_leaves_what_is_not_ours(tmp_path, capsys, change):
    folder = run_directory(tmp_path / "a")
    change(folder)
    before = sorted(folder.rglob("*"))
    assert called("runs", "rm", folder, "--yes") == 5
    assert sorted(folder.rglob("*")) == before
    assert "poseline" in capsys.readouterr().err


@pytest.mark.parametrize("place", [".", "..", "missing", "runs", "link"])
def test_rm_takes_run_directories_alone(tmp_path, monkeypatch, place):
    run = run_directory(tmp_path / "runs" / "a")
    run_directory(tmp_path / "runs" / "b")
    (tmp_path / "link").symlink_to(run)
    monkeypatch.chdir(run if place == "." else tmp_path / "runs" if place == ".." else tmp_path)
    assert called("runs", "rm", place, "--yes") in (3, 5)
    assert run.is_dir()


def test_rm_asks_or_wants_yes(tmp_path, capsys, monkeypatch):
    folder = run_directory(tmp_path / "a")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert called("runs", "rm", folder) == 2
    assert "--yes" in capsys.readouterr().err
    assert called("runs", "rm") == 2
    assert folder.is_dir()


def test_nothing_to_list_is_explained(tmp_path, capsys):
    assert called("runs", "list") == 3
    assert "poseline runs list FOLDER" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert called("runs", "list", "empty") == 0
    assert "No runs found in empty" in capsys.readouterr().out
    assert called("runs", "list", "nowhere") == 3
    assert "nowhere does not exist" in capsys.readouterr().err


def test_where_there_are_runs_is_told(tmp_path, capsys):
    run = tmp_path / "demo" / "experiment"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(f"# {MARK}\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "config.yaml").write_text("# the user's own\n")
    assert called("runs", "list") == 3
    assert "there are runs in demo: poseline runs list demo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mode", "section", "stages", "detail"),
    [
        ("deployment", "", ("export",), "finished"),
        ("chain_qd", "", ("quantize", "export"), "finished"),
        ("chain_qb", "export: null", ("quantize", "benchmark"), "finished"),
        ("chain_qb", "export: {name: a}", ("quantize", "benchmark"), "unfinished: no export"),
        ("chain_qb", "gate: {min_oks: 1}", ("quantize", "benchmark"), "unfinished: no gate"),
        ("training", "gate: {min_oks: 1}", ("train",), "finished"),
    ],
)
def test_a_run_has_the_steps_of_its_mode_and_sections(
    mode, section, stages, detail, tmp_path, capsys
):
    run = run_directory(tmp_path / "runs" / "a", steps=())
    (run / "config.yaml").write_text(f"operation_mode: {mode}\n{section}\n")
    for stage in stages:
        Manifest(stage, "c").write(run / stage)
    assert listed(capsys, "runs")["a"]["detail"] == detail
