"""What specs may name: the operator refuses the rest by default, tells why, and keeps secrets."""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.control_plane.operating import EXPERIMENT, Stage, until

TOKEN, PASSWORD = "mlflow-" + secrets.token_hex(8), "pass-" + secrets.token_hex(8)
OTHERS = {
    "images.ml": {"images": {"ml": "registry.example.com/other:1"}},
    "serviceAccount": {"serviceAccount": "default-editor"},
    "s3.secretName": {"s3": {"secretName": "of-another-team"}},
    "s3.endpoint": {"s3": {"endpoint": "http://elsewhere.example:9000"}},
    "mlflow.trackingUri": {"mlflow": {"trackingUri": "https://elsewhere.example"}},
    "cacheClaim": {"cacheClaim": "data-of-another-team"},
    "nodeSelector.pool": {"nodeSelector": {"pool": "control"}},
    "annotations.a.b/c": {"annotations": {"a.b/c": "x"}},
    "securityContext.runAsUser": {"securityContext": {"runAsUser": 1}},
    "env.HTTPS_PROXY": {"env": {"HTTPS_PROXY": "http://elsewhere.example"}},
}


@pytest.fixture(scope="module")
def stage(with_crds, tmp_path_factory):
    """A namespace with an operator that holds a token for one MLflow server."""
    namespace = f"poseline-{secrets.token_hex(4)}"
    with_crds.kubectl("create", "namespace", namespace)
    made = Stage(with_crds, namespace, tmp_path_factory.mktemp("operator"))
    made.operator(environment={"MLFLOW_TRACKING_TOKEN": TOKEN}).ready()
    yield made
    made.close()
    with_crds.kubectl("delete", "namespace", namespace, "--wait=false")


def config(**mlflow):
    return EXPERIMENT["spec"]["config"] | {"mlflow": mlflow}


def test_what_is_not_allowed_is_refused_and_told_until_it_is_mended(stage):
    names = {place: f"other-{number}" for number, place in enumerate(OTHERS)}
    for place, platform in OTHERS.items():
        stage.apply(names[place], platform=platform)
    for place, name in names.items():
        stage.phase(name, "Failed")
        accepted = stage.conditions(name)["Accepted"]
        assert (accepted["status"], accepted["reason"]) == ("False", "NotAllowed")
        assert f"platform.{place}" in accepted["message"]
        until(lambda name=name: stage.events(name) == ["NotAllowed"], why=stage.log)
        assert stage.runs(name) == []
    mended = names["images.ml"]
    stage.patch(mended, {"spec": {"platform": None}})
    stage.run(mended)
    assert stage.conditions(mended)["Accepted"]["status"] == "True"
    (operator,) = stage.operators
    assert operator.get("/readyz")[0] == 200


def test_a_schedule_whose_experiments_would_be_refused_makes_none(stage):
    template = {"spec": EXPERIMENT["spec"] | {"platform": OTHERS["s3.secretName"]}}
    stage.schedule("other", schedule="* * * * *", experimentTemplate=template)
    accepted = until(lambda: stage.conditions("other", "poseschedule").get("Accepted"))
    assert (accepted["status"], accepted["reason"]) == ("False", "NotAllowed")
    assert "platform.s3.secretName" in accepted["message"]
    until(lambda: stage.events("other") == ["TemplateNotAllowed"], why=stage.log)
    assert stage.children("other") == []
    stage.patch(
        "other", {"spec": {"experimentTemplate": {"spec": {"platform": None}}}}, "posesched"
    )
    until(lambda: stage.conditions("other", "posesched")["Accepted"]["status"] == "True")
    stage.delete("other", "posesched")


def test_a_password_in_a_spec_is_refused_and_shown_nowhere(stage):
    uri = f"http://user:{PASSWORD}@127.0.0.1:5000"
    with pytest.raises(AssertionError, match="trackingUri"):  # by the API server
        stage.apply("in-platform", platform={"mlflow": {"trackingUri": uri}})
    stage.apply("in-config", config=config(uri=uri))
    stage.phase("in-config", "Failed")
    assert "no credentials" in stage.conditions("in-config")["Accepted"]["message"]
    until(lambda: stage.events("in-config"))
    assert stage.runs("in-config") == []
    assert PASSWORD not in json.dumps(stage.status("in-config"))
    told = stage.plane.get("events.events.k8s.io", "-n", stage.namespace)
    (operator,) = stage.operators
    for shown in (json.dumps(told), operator.log.read_text(), operator.get("/metrics")[1]):
        assert PASSWORD not in shown and TOKEN not in shown


def test_the_token_goes_to_no_server_that_a_spec_names(stage, listener):
    """The list allows the server; the token is for another one."""
    stage.apply("names-a-server", platform={"mlflow": {"trackingUri": listener.url}})
    run = stage.run("names-a-server")
    stage.kubeflow.put(run["run_id"], "SUCCEEDED")
    stage.phase("names-a-server", "Succeeded")
    until(lambda: listener.asked, why=stage.log)
    assert not [each for each in listener.asked if "authorization" in each]


@pytest.fixture
def listener():
    """A server that keeps the headers of what it is asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_any(self):
            asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_error(404)

        do_GET = do_POST = do_any  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url, server.asked = f"http://127.0.0.1:{server.server_port}", asked
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_idle_connections_do_not_keep_the_probes_out(stage):
    import socket

    (operator,) = stage.operators
    idle = [socket.create_connection(("127.0.0.1", operator.port), 5) for _ in range(200)]
    try:
        begun = time.monotonic()
        assert operator.get("/healthz")[0] == 200
        assert time.monotonic() - begun < 4
    finally:
        for each in idle:
            each.close()
