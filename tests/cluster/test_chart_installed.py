"""The chart, installed by Helm's own code on a real API server."""

import json
from pathlib import Path

import helm_python as helm
import kubernetes.config
import pytest
import yaml
from support.control_plane.helming import without_definitions
from support.control_plane.operating import until

from poseline.operator.runtime.cluster import Cluster
from poseline.operator.schedules import declared

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "poseline"
RELEASE = "pose"
# Its custom resource is another operator's.
WITHOUT = {"external": {"operator": {"serviceMonitor": {"enabled": False}}}}
POLICY = "validatingadmissionpolicy"
OUTSIDE = ("clusterrole", "clusterrolebinding", POLICY, f"{POLICY}binding")
"""Kinds of what the chart puts outside of the namespace, beside the definitions."""
SETUPS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*.yaml"))


def values_of(setup, **changes):
    values = yaml.safe_load((CHART / "ci" / f"{setup}-values.yaml").read_text()) or {}
    for source in (WITHOUT.get(setup, {}), changes):
        for section, keys in source.items():
            values[section] = {**values.get(section, {}), **keys}
    return values


@pytest.fixture
def release(control_plane, namespace):
    """Helm for a namespace that enforces the restricted Pod Security standard."""
    level = "pod-security.kubernetes.io/enforce=restricted"
    control_plane.kubectl("label", "namespace", namespace, level)
    without_definitions(control_plane)
    with helm.Config(
        kubeconfig_path=str(control_plane.kubeconfig), namespace=namespace, qps=200, burst_limit=400
    ) as config:
        yield config
        if config.list():
            config.uninstall(RELEASE)
    for kind in OUTSIDE:
        found = control_plane.get(kind, "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
        assert not found, "uninstalling leaves nothing outside of the namespace"


def connected(control_plane):
    kubernetes.config.load_kube_config(str(control_plane.kubeconfig))
    return Cluster()


def what_helm_test_runs(setup, namespace):
    with helm.Chart.load(str(CHART)) as chart:
        files = chart.render(values_of(setup), name=RELEASE, namespace=namespace)
    objects = list(yaml.safe_load_all(files["poseline/templates/tests/experiment.yaml"]))
    return [*objects, objects[0]["data"]["experiment.yaml"]]


@pytest.mark.parametrize("setup", SETUPS)
def test_every_set_up_installs(release, control_plane, namespace, setup):
    release.install(str(CHART), RELEASE, values_of(setup), namespace=namespace)
    deployments = control_plane.get("deployments", "-n", namespace)["items"]
    wanted = {d["metadata"]["name"]: d["spec"]["replicas"] for d in deployments}
    assert f"{RELEASE}-poseline-operator" in wanted

    def pods():
        made = control_plane.get("pods", "-n", namespace)["items"]
        return len(made) == sum(wanted.values()) and made

    # The controllers made every pod: admission and Pod Security let them through.
    for pod in until(pods):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    control_plane.apply(*what_helm_test_runs(setup, namespace), dry_run=True)


def test_upgrade_rollback_and_removal_keep_what_people_made(
    release, control_plane, namespace, tmp_path
):
    values = values_of("kind")
    values["mlflow"]["embedded"]["storage"]["keep"] = True
    release.install(str(CHART), RELEASE, values, namespace=namespace)
    experiment = yaml.safe_load((ROOT / "examples" / "kubernetes" / "experiment.yaml").read_text())
    experiment["metadata"] = {"name": "mine", "namespace": namespace}
    control_plane.apply(experiment)
    config = control_plane.get("configmap", f"{RELEASE}-poseline-operator", "-n", namespace)
    (file := tmp_path / "schedules.yaml").write_text(config["data"]["schedules.yaml"])
    cluster = connected(control_plane)
    declared.apply(cluster, declared.read(file), namespace)

    def kept():
        secret = control_plane.get("secret", f"{RELEASE}-poseline-s3", "-n", namespace)["data"]
        schedule = control_plane.get("poseschedule", "nightly", "-n", namespace)["metadata"]["uid"]
        mine = control_plane.get("poseexperiment", "mine", "-n", namespace)["metadata"]["uid"]
        return json.dumps([secret, schedule, mine])

    before = kept()
    release.upgrade(
        str(CHART), RELEASE, {**values, "operator": {"replicas": 2}}, namespace=namespace
    )
    assert kept() == before
    assert len(release.history(RELEASE)) == 2
    release.rollback(RELEASE, version=1)
    assert kept() == before
    declared.apply(cluster, declared.read(file), namespace)
    assert kept() == before
    declared.apply(cluster, {}, namespace)
    assert not control_plane.get("poseschedules", "-n", namespace)["items"]
    release.uninstall(RELEASE)
    assert control_plane.get("poseexperiment", "mine", "-n", namespace)
    assert control_plane.get("pvc", f"{RELEASE}-poseline-mlflow", "-n", namespace)
    release.install(str(CHART), RELEASE, values, namespace=namespace)
    assert control_plane.get("poseexperiment", "mine", "-n", namespace)


def test_the_api_server_refuses_what_is_not_allowed(release, control_plane, namespace):
    values = values_of("kind")
    values["operator"] = values.get("operator", {}) | {
        "allow": {
            "images": ["registry.example.com/vision/*"],
            "endpoints": ["https://mlflow.example"],
        }
    }
    release.install(str(CHART), RELEASE, values, namespace=namespace)

    def why(kind="experiment", **spec):
        """What the API server says; empty: it takes it."""
        made = yaml.safe_load((ROOT / "examples" / "kubernetes" / f"{kind}.yaml").read_text())
        made["metadata"] = {"name": "x", "namespace": namespace}
        place = made["spec"] if kind == "experiment" else made["spec"]["experimentTemplate"]["spec"]
        place |= spec
        try:
            control_plane.apply(made, dry_run=True)
        except AssertionError as refused:
            return str(refused)
        return ""

    other = {"images": {"ml": "registry.example.com/other:1"}}
    until(lambda: "operator.allow.images" in why(platform=other), 60)
    assert "operator.allow.images" in why("schedule", platform=other)
    assert "operator.allow.secrets" in why(platform={"s3": {"secretName": "of-another-team"}})
    assert "operator.allow.serviceAccounts" in why(platform={"serviceAccount": "default-editor"})
    assert "operator.allow.endpoints" in why(
        platform={"mlflow": {"trackingUri": "https://elsewhere.example"}}
    )
    for platform in (
        {},
        {"images": {"ml": "registry.example.com/vision/poses:1"}},
        {"mlflow": {"trackingUri": "https://mlflow.example"}},
    ):
        assert why(platform=platform) == why("schedule", platform=platform) == ""


def test_a_wrong_value_changes_nothing(release, control_plane, namespace):
    with pytest.raises(helm.HelmError, match="replica"):
        release.install(str(CHART), RELEASE, {"operator": {"replica": 1}}, namespace=namespace)
    assert not control_plane.get("deployments", "-n", namespace)["items"]
