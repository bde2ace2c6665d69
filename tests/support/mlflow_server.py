"""A real MLflow server, and what it holds of a chain."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


class Server:
    """A real `mlflow server` with its own database, on a port that it keeps over restarts."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder, self._process = folder, None

    def start(self) -> None:
        if self._process:
            return
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{self._folder / 'server.db'}",
            "--artifacts-destination",
            str(self._folder / "artifacts"),
        ]
        # Jobs of GenAI's; their workers poll without end.
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        log = (self._folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=self._folder,
            start_new_session=True,
            env=environment,
        )
        log.close()
        for _ in range(900):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError((self._folder / "server.log").read_text())

    def kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def chain_runs():
    """Return the runs of an experiment by stage, each a list."""

    def find(uri: str, experiment: str) -> dict[str, list]:
        from poseline.tracking.client import client

        mlflow = client(uri)
        found = mlflow.search_runs([mlflow.get_experiment_by_name(experiment).experiment_id])
        stages = {run.data.tags["poseline.stage"] for run in found}
        return {
            stage: [run for run in found if run.data.tags["poseline.stage"] == stage]
            for stage in stages
        }

    return find
