"""`poseline pipelines`: what is printed, and what the exit codes say."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.kfp_double.package import PACKAGE

from poseline.cli import main
from poseline.kubeflow import watch
from poseline.kubeflow.runs import KubeflowRun
from poseline.store.s3_client import client
from poseline.tracking.failures import Failure
from poseline.tracking.results import Result

BIN = Path(sys.executable).with_name("poseline")


@pytest.fixture
def run(capfd, server, monkeypatch):
    """Run a command on the server; return its exit code, output and errors."""
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["pipelines", *map(str, arguments)])
        return end.value.code or 0, *capfd.readouterr()

    return call


@pytest.fixture
def package(tmp_path):
    """A compiled pipeline without a config of its own."""
    path = tmp_path / "chain.yaml"
    path.write_text(
        PACKAGE.replace("      config: {defaultValue: '', parameterType: STRING}\n", "")
    )
    return path


def test_submit_status_cancel(run, package, server):
    code, out, _ = run("submit", package, "--set", "epochs=4", "--name", "one")
    (run_id,) = server.objects.runs
    assert code == 0 and run_id in out and "status" in out
    assert server.objects.runs[run_id]["runtime_config"] == {"parameters": {"epochs": 4}}
    code, out, _ = run("submit", package, "--name", "one", "--output", "json")
    assert code == 0 and json.loads(out)["id"] == run_id
    server.objects.settle(run_id, {"state": "RUNNING", "tasks": {"train": "RUNNING"}})
    code, out, _ = run("status", run_id)
    assert code == 0 and re.search(r"train +│ RUNNING", out)
    code, out, _ = run("status", "--output", "json")
    assert [one["name"] for one in json.loads(out)] == ["one"]
    code, out, _ = run("status")
    assert "one" in out and run_id in out
    code, out, _ = run("cancel", run_id, "nobody")
    assert code == 0 and "is ended" in out and "was over already" in out
    assert server.objects.runs[run_id]["state"] == "CANCELING"
    code, _, err = run("status", "nobody")
    assert code == 6 and "Run nobody not found" in err


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [("SUCCEEDED", 0, "SUCCEEDED"), ("FAILED", 1, "FAILED"), ("CANCELED", 8, "CANCELED")],
)
def test_wait_exits_by_outcome(run, package, server, monkeypatch, end, code, says):
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)

    def observe(objects):
        for run_id in objects.runs:
            tasks = {"train": "SUCCEEDED", "quantize": end}
            objects.settle(run_id, {"state": end, "tasks": tasks})

    server.observe = observe
    found, out, _ = run("submit", package, "--wait")
    assert found == code and says in out and re.search(rf"quantize +│ {end}", out)
    run_id = next(iter(server.objects.runs))
    found, out, err = run("status", run_id, "--wait", "--output", "json")
    assert found == code and json.loads(out)["state"] == end and "quantize" in err


def test_figures_and_the_gate(run, package, server, monkeypatch):
    figures = {"oks_int8": 0.81234, "latency_ms_estimate": 12.0}
    found = Result("r1", "FINISHED", figures, {"poseline.gate": "failed"})
    monkeypatch.setattr("poseline.cli.run_view.result", lambda run_id: found)
    run("submit", package)
    (run_id,) = server.objects.runs
    server.objects.settle(run_id, {"state": "SUCCEEDED"})
    code, out, _ = run("status", run_id, "--wait")
    assert code == 7
    assert re.search(r"oks_int8 +│ +0\.812 ", out) and re.search("gate +│ failed", out)
    code, out, _ = run("status", run_id, "--wait", "--output", "json")
    assert code == 7 and json.loads(out)["metrics"] == figures


def test_why_a_run_failed(run, failed, monkeypatch):
    tags = Failure("train", "a.jpg [b]is[/b] cut off", "convert it again", 3).tags
    found = Result("r1", "FAILED", {}, tags)
    monkeypatch.setattr("poseline.cli.run_view.result", lambda run_id: found)
    run_id, _ = failed
    code, out, _ = run("status", run_id)
    assert code == 0 and "train: a.jpg [b]is[/b] cut off" in out and "→ convert it again" in out
    assert "exit code 3" in out and "Result" not in out
    code, out, _ = run("status", run_id, "--wait", "--output", "json")
    assert code == 1 and json.loads(out)["failure"]["exit_code"] == 3


def test_ctrl_c_leaves_the_run(run, package, server, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", interrupt)
    code, _, err = run("submit", package, "--wait")
    run_id = next(iter(server.objects.runs))
    assert code == 130 and f"poseline pipelines cancel {run_id}" in err
    assert server.objects.runs[run_id]["state"] == "PENDING"


@pytest.mark.slow
def test_a_terminal_sees_the_stages_and_ctrl_c_leaves_the_run(package, server):
    def observe(objects):
        for run_id in objects.runs:
            objects.settle(run_id, {"state": "RUNNING", "tasks": {"train": "RUNNING"}})

    server.observe = observe
    ours, theirs = pty.openpty()
    environment = {"KF_PIPELINES_ENDPOINT": server.url, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [BIN, "pipelines", "submit", package, "--wait"],
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        env=os.environ | environment,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown, asked = "", False
        end = threading.Timer(90, process.kill)
        end.start()
        for part in _parts(ours):
            shown += part
            if "train" in shown and not asked:
                process.send_signal(signal.SIGINT)
                asked = True
        end.cancel()
    run_id = next(iter(server.objects.runs))
    assert process.returncode == 130 and f"poseline pipelines cancel {run_id}" in shown
    assert server.objects.runs[run_id]["state"] == "RUNNING"


def _parts(terminal):
    """Yield what a terminal shows until the other side is closed."""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            yield part.decode(errors="replace")
    os.close(terminal)


def test_unschedule_leaves_a_run_alone(run, package, server):
    run("schedule", package, "30 4 * * 7")
    ((recurring, one),) = server.objects.recurring.items()
    keys = ("experiment_id", "pipeline_version_reference", "runtime_config")
    made = server.objects.create_run(
        {"display_name": "due", "recurring_run_id": recurring} | {key: one[key] for key in keys}
    )
    assert "starts no more runs" in run("unschedule", package)[1]
    server.objects.settle(made["run_id"], {"state": "SUCCEEDED"})
    assert "is deleted" in run("unschedule", package)[1]


def test_schedule_list_unschedule(run, package, server):
    code, out, _ = run("schedule", package, "30 4 * * 7", "--time-zone", "Europe/Berlin")
    assert code == 0 and "0 30 4 * * 0  made" in out
    assert len(re.findall(r"Sun \d{4}-\d\d-\d\d 04:30 Europe/Berlin", out)) == 3
    assert "unchanged" in run("schedule", package, "30 4 * * 7")[1]
    assert "changed" in run("schedule", package, "30 5 * * 7")[1]
    assert "made" in run("schedule", package, "30 5 * * 7", "--name", "second")[1]
    code, out, _ = run("list", "--schedule", "--output", "json")
    assert {one["name"] for one in json.loads(out)} == {"poseline-chain-tqe", "second"}
    assert "0 30 5 * * 0" in run("list", "--schedule")[1]
    assert "is deleted" in run("unschedule", package)[1]
    assert "was not there" in run("unschedule", package)[1]
    assert [one["display_name"] for one in server.objects.recurring.values()] == ["second"]
    posts = server.count("POST", ".*")
    code, _, err = run("schedule", package, "0 0 3 * * 1")
    assert code == 2 and "five fields" in err and server.count("POST", ".*") == posts


@pytest.fixture
def failed(run, package, server):
    """A run whose training failed, and the id of its pod's node."""
    run("submit", package, "--name", "one")
    (run_id,) = server.objects.runs
    server.objects.settle(run_id, {"state": "FAILED", "tasks": {"train": "FAILED"}})
    found = KubeflowRun.read(server.objects.look(run_id))
    return run_id, found.tasks[0].pods[0]


def test_logs_of_the_server(run, failed, server):
    run_id, node = failed
    flow, _, digest = node.rpartition("-")
    pod = f"{flow}-metadata-0-2-retry-system-container-impl-{digest}"
    server.objects.logs[pod] = "epoch 1\n[error] no space\n"
    code, out, _ = run("logs", run_id, "--task", "train")
    assert code == 0 and "epoch 1\n[error] no space" in out and pod in out
    code, _, err = run("logs", run_id, "--task", "nothing")
    assert code == 6 and "its tasks: train" in err


def test_logs_of_the_storage(run, failed, storage):
    run_id, _ = failed
    root = f"s3://{storage}/v2/artifacts"
    for attempt, text in enumerate(("killed", "epoch 2")):
        path = f"poseline-chain-tqe/{run_id}/train/5e3a/executor-logs-{attempt}"
        client().put_object(Bucket=storage, Key=f"v2/artifacts/{path}", Body=text.encode())
    code, out, _ = run("logs", run_id, "--artifacts", root)
    assert code == 0 and out.index("killed") < out.index("executor-logs-1") < out.index("epoch 2")


@pytest.mark.parametrize("more", [[], ["--artifacts", "nothing"]])
def test_without_logs_kubectl_is_named(run, failed, monkeypatch, more):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    run_id, _ = failed
    code, out, err = run("logs", run_id, *more)
    assert code == 1 and "train  FAILED" in out
    assert f"kubectl -n kubeflow logs -l pipeline/runid={run_id}" in err


def test_mistakes_exit_2_and_reach_no_server(run, package, server, monkeypatch, tmp_path):
    for arguments in (
        ["submit", "chain_zzz"],
        ["submit", tmp_path / "missing.yaml"],
        ["submit", package, "--set", "epochs=many"],
        ["submit", package, "--set", "training.epochs=3"],
        ["submit", package, "--platform", tmp_path / "missing.yaml"],
        ["submit", package, "--token-file", tmp_path / "missing"],
        ["submit", package, "--host", "ftp://server"],
        ["schedule", package, "0 3 * * 1", "--time-zone", "Mars"],
        ["cancel"],
        ["submit"],
    ):
        code, out, err = run(*arguments)
        assert code == 2 and err and not out, arguments
        assert "Traceback" not in err
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    code, _, err = run("status")
    assert code == 2 and "port-forward" in err
    assert not server.counts


@pytest.mark.slow  # it loads KFP's SDK
def test_compile_and_submit_of_an_installed_pipeline(run, server, tmp_path):
    platform = tmp_path / "platform.yaml"
    platform.write_text("images: {ml: registry/ml:1}\n")
    code, out, _ = run("compile", "chain_qb", "--out", tmp_path / "out", "--platform", platform)
    text = (tmp_path / "out/chain_qb.yaml").read_text()
    assert code == 0 and "registry/ml:1" in text and "chain_qb.yaml" in out
    assert run("compile", "chain_qb", "--out", tmp_path / "out")[0] == 0
    (tmp_path / "out/chain_qb.yaml").write_text("mine")
    code, _, err = run("compile", "chain_qb", "--out", tmp_path / "out")
    assert code == 5 and (tmp_path / "out/chain_qb.yaml").read_text() == "mine", err
    (tmp_path / "out/chain_qb.yaml").write_text(text)
    assert "chain_qb" in run("list")[1]
    code, _, err = run("submit", "chain_qb")
    assert code == 2 and "model" in err and not server.counts
    given = ["--set", "model=s3://b/m.h5", "--set", "dataset=s3://b/coco"]
    code, _, err = run("submit", "chain_qb", *given)
    assert code == 0, err
    first = next(iter(server.objects.versions))
    assert run("submit", tmp_path / "out/chain_qb.yaml", "--platform", platform, *given)[0] == 0
    assert len(server.objects.versions) == 2 and first in server.objects.versions


@pytest.mark.slow
def test_a_chain_file_is_the_same_command(server, capfd):
    from poseline_kfp.pipelines import command

    def call(*arguments):
        given = ["--set", "model=s3://b/m.h5", "--set", "dataset=s3://b/coco"]
        with pytest.raises(SystemExit) as end:
            command.main("chain_qb", [*arguments, "--host", server.url, *given])
        return end.value.code or 0, "".join(capfd.readouterr())

    code, out = call("--submit", "--run-name", "one")
    assert code == 0, out
    code, out = call("--submit", "--run-name", "one")
    assert code == 0 and len(server.objects.runs) == 1 and next(iter(server.objects.runs)) in out
    assert "made" in call("--schedule", "0 3 * * 1")[1]
    assert "unchanged" in call("--schedule", "0 3 * * 1")[1]
    assert len(server.objects.versions) == len(server.objects.recurring) == 1
    assert "is deleted" in call("--unschedule")[1] and not server.objects.recurring


@pytest.mark.parametrize(
    "command", ["submit", "status", "logs", "cancel", "schedule", "unschedule", "compile", "list"]
)
def test_help_has_examples(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0 and f"Example: poseline pipelines {command}" in " ".join(out.split())


def test_nothing_heavy_is_imported():
    code = (
        "import sys, poseline.cli.pipelines\n"
        "print({'kfp', 'tensorflow', 'mlflow', 'boto3', 'numpy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "set()"
