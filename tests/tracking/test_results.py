"""Figures come from a real MLflow server, over its REST API alone."""

import pytest
from support.kfp_double.server import serving
from support.mlflow_server import server as tracking  # noqa: F401  a fixture

from poseline.kubeflow.errors import DeniedError, RefusedError, UnreachableError
from poseline.tracking.results import result


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def chain(tracking):  # noqa: F811
    """Two runs of a chain, parent and stage, and another chain's, in the server."""
    tracking.start()
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking.uri)
    for number in range(3):  # experiments that have nothing of it
        client.create_experiment(f"other-{number}")
    experiment = client.create_experiment("poses")
    for chain_id, stage, oks in (("c1", "train", 0.1), ("c1", "chain", 0.81), ("c2", "chain", 0.2)):
        tags = {"poseline.chain_id": chain_id, "poseline.stage": stage, "poseline.gate": "passed"}
        run = client.create_run(experiment, tags=tags)
        client.log_metric(run.info.run_id, "oks_int8", oks)
        client.set_terminated(run.info.run_id)
    return tracking.uri


@pytest.mark.slow  # MLflow takes its time to start
def test_the_parent_run_of_a_chain_is_found(chain, monkeypatch):
    found = result("c1", chain)
    assert found.metrics == {"oks_int8": 0.81} and found.status == "FINISHED"
    assert found.tags["poseline.gate"] == "passed"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chain + "/")
    assert result("c2").metrics == {"oks_int8": 0.2}
    assert result("c3") is None and result("' or '1' = '1") is None


def test_no_server_no_figures(monkeypatch):
    assert result("c1") is None
    assert result("c1", "sqlite:///a.db") is None


def test_what_a_server_may_answer(server):
    with pytest.raises(UnreachableError, match="does not answer"):
        result("c1", "http://127.0.0.1:9", timeout=1)
    with pytest.raises(RefusedError, match="404"):
        result("c1", server.url)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (200, b"<html>", RefusedError, "not an MLflow server"),
        (403, b"", DeniedError, "403"),
        (503, b"", UnreachableError, "503"),
    ],
)
def test_proxies_and_credentials(monkeypatch, status, body, kind, says):
    import http.server
    import threading

    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as fake:
        threading.Thread(target=fake.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pass")
        uri = f"http://127.0.0.1:{fake.server_port}"
        with pytest.raises(kind, match=says) as error:
            result("c1", uri)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        with pytest.raises(kind):
            result("c1", uri)
        fake.shutdown()
    assert seen == ["Basic dXNlcjpwYXNz", "Bearer secret"] and "secret" not in str(error.value)
