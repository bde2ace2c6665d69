"""`helm test` as people run it: it passes where all is well, and says what is not."""

import subprocess
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import yaml
from support.control_plane.helming import without_definitions
from support.control_plane.node import IMAGE, OPERATOR, RESTRICTED
from support.control_plane.operating import ROOT, Kubeflow, until
from support.seaweed import ADMIN, BUCKET

NOWHERE = "http://10.96.0.1:9"
pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def servers(node, weed, server):
    """What a release finds outside of the cluster; `urls` says where."""
    for image in (IMAGE, OPERATOR):
        node.load(image)
    server.start()
    kubeflow = Kubeflow()
    ports = {"kubeflow": urlsplit(kubeflow.url).port, "s3": weed, "mlflow": server.port}
    urls = {name: f"http://{node.expose({80: port})}" for name, port in ports.items()}
    yield SimpleNamespace(kubeflow=kubeflow, mlflow=server.uri, urls=urls)
    kubeflow.stop()


@pytest.fixture
def release(control_plane, node, namespace, servers):
    """Installs the chart with some URLs wrong, and returns `helm test`'s outcome and words."""

    def helm(*arguments):
        command = ["helm", *arguments, "--namespace", namespace]
        return subprocess.Popen(
            command,
            env=control_plane.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def tested(meanwhile=lambda namespace: None, **wrong):
        urls = servers.urls | wrong
        values = {
            "kubeflow": {"host": urls["kubeflow"]},
            "mlflow": {"trackingUri": urls["mlflow"]},
            "objectStore": {"endpoint": urls["s3"], "bucket": BUCKET, "secretName": "s3"},
            "operator": {"image": {"pullPolicy": "Never"}},
            "platform": {"images": {"pullPolicy": "Never"}},
            "test": {"timeoutSeconds": 60},
        }
        with helm("install", "pose", str(ROOT / "charts/poseline"), "--values=-") as install:
            words, _ = install.communicate(yaml.safe_dump(values), timeout=60)
        assert install.returncode == 0, words
        node.available(namespace)
        with helm("test", "pose", "--logs", "--timeout=6m") as test:
            meanwhile(namespace)
            words, _ = test.communicate(timeout=400)
        return test.returncode, words

    without_definitions(control_plane)
    control_plane.kubectl("label", "namespace", namespace, RESTRICTED)
    control_plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "stringData": ADMIN,
            "metadata": {"name": "s3", "namespace": namespace},
        }
    )
    yield tested
    with helm("uninstall", "pose") as uninstall:
        uninstall.communicate(timeout=60)
    without_definitions(control_plane)


def ended(servers, namespace, *, logs=True):
    """Do what the tasks of a run do for whoever waits for them."""
    run_id = until(lambda: servers.kubeflow.runs(f"{namespace}-"), 300)[0]["run_id"]
    if logs:
        from mlflow.tracking import MlflowClient

        mlflow = MlflowClient(servers.mlflow)
        tags = {"poseline.chain_id": run_id, "poseline.stage": "chain"}
        logged = mlflow.create_run(mlflow.create_experiment(namespace), tags=tags).info.run_id
        mlflow.log_metric(logged, "oks_float", 0.5)
        mlflow.set_terminated(logged)
    servers.kubeflow.put(run_id, "SUCCEEDED")


def test_it_passes_where_all_is_well(release, servers):
    code, words = release(lambda namespace: ended(servers, namespace))
    assert code == 0, words
    assert "Wrote s3://" in words
    assert '"phase": "Succeeded"' in words


def test_without_kubeflow_it_fails(release):
    code, words = release(kubeflow=NOWHERE)
    assert code
    assert f"has not ended after 60 s: New; {NOWHERE} does not answer" in words


def test_without_s3_it_fails(release):
    code, words = release(s3=NOWHERE)
    assert code
    assert NOWHERE in words


def test_without_mlflow_it_fails(release, servers):
    code, words = release(lambda namespace: ended(servers, namespace, logs=False), mlflow=NOWHERE)
    assert code
    assert f"has no figures in MLflow: Succeeded; MLflow at {NOWHERE} does not answer" in words
