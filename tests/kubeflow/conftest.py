import time

import pytest
from support.kfp_double.server import serving

from poseline.kubeflow import client, once
from poseline.kubeflow.client import Kubeflow


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No proxy, no credentials of whoever runs the tests, short pauses."""
    for name in (
        "KF_PIPELINES_TOKEN",
        "KF_PIPELINES_SA_TOKEN_PATH",
        "KF_PIPELINES_ENDPOINT",
        "KUBERNETES_SERVICE_HOST",
        "MLFLOW_TRACKING_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(once, "_SETTLE_S", (0.05, 0.1, 0.2))
    monkeypatch.setattr(client, "_LAG_S", 0.02)


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def kubeflow(server):
    with Kubeflow(server.url, timeout=5, patience=3) as found:
        yield found


@pytest.fixture
def wait():
    def until(true, seconds=5.0):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)

    return until
