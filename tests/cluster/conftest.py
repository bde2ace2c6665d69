"""A real Kubernetes API for tests.

    def test_it(control_plane, namespace):
        control_plane.apply({...})                                # kubectl apply as admin
        control_plane.kubectl("wait", "--for=...", "-n", namespace, ...)
        control_plane.get("pods", "-n", namespace)["items"]       # parsed JSON
        kubeconfig = control_plane.service_account(namespace, "name", rules=[...])
        kubeconfig = control_plane.kubeconfig_of(namespace, "account-of-the-chart")
        control_plane.audit("system:serviceaccount:...")          # who asked for what
        subprocess.Popen([...], env=control_plane.environment)    # a user's command

`control_plane` is etcd, kube-apiserver and kube-controller-manager (rig.py), built once by
`make control-plane` (programs.py; kept in ~/.cache/poseline). RBAC, admission, garbage
collection, service accounts and an audit log work; pods stay Pending. One plane serves all tests
of a session: each test works in its own `namespace`, and removes what it makes outside of it.
`own_control_plane` is the same, but skips where the cluster is not ours: its API server may be
stopped and started (`stop_api_server`, `start_api_server`), its audit log read.

`trainer` is Kubeflow Trainer with JobSet on it (trainer.py).

`kubeflow_server` is a real Kubeflow API server on it, and `kubeflow_backend` a whole backend on a
control plane and a node of its own, where KUBEFLOW_PROGRAMS names their programs
(kubeflow_server.py, kubeflow_backend.py).

With KUBECONFIG set and `make test-cluster`, the same tests run against that cluster.
"""

import contextlib
import os
import secrets

import pytest
from support.control_plane import helming, programs, rig
from support.control_plane import kubeflow_backend as backends
from support.control_plane import kubeflow_server as kubeflow
from support.control_plane import node as nodes
from support.control_plane import trainer as trainers

from poseline import __version__
from poseline.operator.api.crd import crds

OPERATOR_IMAGE = f"poseline-operator:{__version__}"


def pytest_collection_modifyitems(items):
    for item in items:
        if "kubeflow_backend" in item.fixturenames:
            item.add_marker(pytest.mark.kubeflow)
            if reason := backends.missing():
                item.add_marker(pytest.mark.skip(reason=reason))
        elif "kubeflow_server" in item.fixturenames:
            item.add_marker(pytest.mark.kubeflow)
            if reason := kubeflow.missing():
                item.add_marker(pytest.mark.skip(reason=reason))
        elif "control_plane" in item.fixturenames and "node" not in item.fixturenames:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """The cluster that KUBECONFIG names, or else a control plane of our own."""
    folder = tmp_path_factory.mktemp("cluster")
    if os.environ.get("KUBECONFIG"):
        cluster = rig.at_hand(os.environ["KUBECONFIG"], folder)
        cluster.bare = not helming.definitions(cluster)
        yield cluster
        if cluster.bare:
            helming.without_definitions(cluster)
        return
    if missing := programs.missing():
        pytest.skip(f"not built: {', '.join(missing)}; `make control-plane` builds them with Go")
    plane = rig.ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def own_control_plane(control_plane):
    """The control plane, where it is ours to break."""
    if not isinstance(control_plane, rig.ControlPlane):
        pytest.skip("KUBECONFIG names a cluster that is not ours to break")
    return control_plane


@pytest.fixture
def namespace(control_plane):
    """A new namespace, deleted after the test."""
    name = f"poseline-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def node(control_plane):
    """A node that runs pods, with a containerd of its own; `node.load(image)` brings an image."""
    if not isinstance(control_plane, rig.ControlPlane):
        pytest.skip("KUBECONFIG names a cluster with nodes of its own")
    if reason := nodes.missing():
        pytest.skip(reason)
    node = nodes.Node(control_plane, OPERATOR_IMAGE)
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def trainer(control_plane, tmp_path_factory):
    """Kubeflow Trainer's controllers and JobSet's."""
    if not isinstance(control_plane, rig.ControlPlane):
        pytest.skip("KUBECONFIG names a cluster that may have Kubeflow Trainer already")
    if missing := programs.missing(programs.TRAINER_PROGRAMS):
        pytest.skip(f"not built: {', '.join(missing)}; `make test-node` builds them with Go")
    trainer = trainers.Trainer(control_plane, tmp_path_factory.mktemp("trainer"))
    try:
        trainer.start()
        yield trainer
    finally:
        trainer.stop()


@pytest.fixture(scope="session")
def kubeflow_server(control_plane, weed, tmp_path_factory):
    """A real Kubeflow Pipelines server on a control plane of ours."""
    if not isinstance(control_plane, rig.ControlPlane):
        pytest.skip("KUBECONFIG names a cluster that may have Kubeflow already")
    server = kubeflow.KubeflowServer(control_plane, weed, tmp_path_factory.mktemp("kubeflow"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kubeflow_backend(weed, tmp_path_factory):
    """A whole Kubeflow backend, on a control plane and a node of its own."""
    plane = rig.ControlPlane(tmp_path_factory.mktemp("backend"))
    node = nodes.Node(plane, OPERATOR_IMAGE)
    backend = backends.Backend(node, weed, tmp_path_factory.mktemp("kubeflow-backend"))
    with contextlib.ExitStack() as ends:
        ends.callback(plane.stop)
        plane.start()
        ends.callback(node.stop)
        node.start()
        ends.callback(backend.stop)
        backend.start()
        yield backend


@pytest.fixture(scope="module")
def with_crds(control_plane):
    """The cluster with our definitions."""
    control_plane.apply(*crds(), server_side=True)
    names = [f"crd/{each['metadata']['name']}" for each in crds()]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    return control_plane


@pytest.fixture
def say(request):
    """Print a figure whatever pytest captures."""
    manager = request.config.pluginmanager
    capture = manager.get_plugin("capturemanager")

    def line(text):
        with capture.global_and_fixture_disabled():
            manager.get_plugin("terminalreporter").write_line(f"\n  {text}")

    return line
