"""The chain files as programs."""

import subprocess
import sys

import pytest
import yaml
from support.samples import ROOT

from poseline.errors import BackendError
from poseline_kfp.pipelines import command, local
from poseline_kfp.pipelines.generated import OUTPUTS


def run(name, *arguments, folder=None):
    return subprocess.run(
        [sys.executable, ROOT / "pipelines" / f"{name}.py", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
    )


@pytest.fixture
def here(capsys):
    """Run a chain's command line in this process; returns its code and what it said."""

    def call(name, *arguments):
        with pytest.raises(SystemExit) as ended:
            command.main(name, list(arguments))
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    return call


def test_a_chain_file_compiles_itself():
    done = run("chain_qb")
    assert done.returncode == 0, done.stderr
    path = ROOT / "pipelines" / "compiled" / "chain_qb.yaml"
    assert f"Wrote {path}" in done.stdout.replace("\n", "")
    assert path.read_text() == OUTPUTS["pipelines/compiled/chain_qb.yaml"]()


def test_one_thing_at_a_time(here):
    code, said = here("chain_qb", "--submit", "--local")
    assert code == 2
    assert "one of --submit, --schedule, --unschedule, --local" in said


def test_a_flag_that_there_is_not(here):
    code, said = here("chain_qb", "--sumbit")
    assert code == 2
    assert "--sumbit" in said


def test_without_a_server_a_submission_is_told_what_it_needs(here, monkeypatch):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    code, said = here("chain_qb", "--submit", "--set", "model=s3://bucket/model.h5")
    assert code == 2
    assert "--host" in said


def test_local_hands_on_what_was_set(here, monkeypatch, tmp_path):
    seen = {}

    def fake(package, arguments, root, *, cache):
        seen.update(arguments, root=root, cache=cache)
        raise BackendError("the task train failed", "see above")

    monkeypatch.setattr(local, "run", fake)
    code, said = here(
        "chain_tqeb",
        "--local",
        "--root",
        str(tmp_path),
        "--set",
        "epochs=3",
        "--set",
        f"dataset={tmp_path}",
        "--no-cache",
    )
    assert code == 6, said
    assert "the task train failed" in said
    assert seen == {"epochs": 3, "dataset": str(tmp_path), "root": tmp_path, "cache": False}


def test_a_package_for_here_has_nothing_of_a_cluster():
    text = local._unclustered(OUTPUTS["pipelines/compiled/chain_tqeb.yaml"]())
    for word in ("AWS_ENDPOINT_URL_S3", "resourceMemoryLimit", "retryPolicy", "poseline-ml"):
        assert word not in text


def test_a_task_in_a_loop_shares_the_cache_of_the_one_before_it():
    spec = yaml.safe_load(local._unclustered(OUTPUTS["pipelines/compiled/sweep.yaml"]()))
    refs = [
        task["componentRef"]["name"]
        for graph in (spec["root"], *spec["components"].values())
        for name, task in graph.get("dag", {}).get("tasks", {}).items()
        if name.startswith("dataset-convert")
    ]
    assert refs == ["comp-dataset-convert"] * 2


@pytest.mark.slow
def test_local_runs_by_kfp_and_fails_as_its_task_does(tmp_path):
    done = run(
        "chain_tqeb",
        *("--local", "--root", str(tmp_path), "--set", f"dataset={tmp_path / 'none'}"),
        folder=tmp_path,
    )
    assert done.returncode in (5, 6), done.stderr
    assert "does not exist" in done.stdout + done.stderr
