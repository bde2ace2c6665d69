"""The control plane behaves as a cluster does in what our tests lean on."""

import pytest

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes"}}
READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}


def _in(namespace, thing, **metadata):
    return {**thing, "metadata": {**thing["metadata"], "namespace": namespace, **metadata}}


def test_a_service_account_may_do_what_its_role_allows_and_nothing_else(control_plane, namespace):
    reader = control_plane.service_account(namespace, "reader", rules=[READ])
    control_plane.apply(_in(namespace, CONFIG))
    found = control_plane.get("configmap", "notes", "-n", namespace, kubeconfig=reader)
    assert found["metadata"]["name"] == "notes"
    with pytest.raises(AssertionError, match="forbidden"):
        control_plane.kubectl("delete", "configmap", "notes", "-n", namespace, kubeconfig=reader)
    with pytest.raises(AssertionError, match="forbidden"):
        control_plane.get("configmaps", "-n", "kube-system", kubeconfig=reader)


def test_cluster_rules_reach_every_namespace(control_plane, namespace):
    reader = control_plane.service_account(namespace, "seer", cluster_rules=[READ])
    try:
        assert control_plane.get("configmaps", "-A", kubeconfig=reader)["items"]
    finally:
        for kind in ("clusterrolebinding", "clusterrole"):
            control_plane.kubectl("delete", kind, f"{namespace}-seer")


def test_the_audit_log_tells_who_asked_for_what(own_control_plane, namespace):
    reader = own_control_plane.service_account(namespace, "audited", rules=[READ])
    own_control_plane.get("configmaps", "-n", namespace, kubeconfig=reader)
    account = f"system:serviceaccount:{namespace}:audited"
    asked = {
        (event["verb"], event["objectRef"]["resource"], event["responseStatus"]["code"])
        for event in own_control_plane.audit(account, namespace)
    }
    assert asked == {("list", "configmaps", 200)}


def test_dependents_are_collected_with_their_owner(control_plane, namespace):
    control_plane.apply(_in(namespace, CONFIG))
    owner = control_plane.get("configmap", "notes", "-n", namespace)["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "notes", "uid": owner["uid"]}
    control_plane.apply(_in(namespace, CONFIG, name="copy", ownerReferences=[reference]))
    control_plane.kubectl("delete", "configmap", "notes", "-n", namespace)
    control_plane.kubectl(
        "wait", "--for=delete", "configmap/copy", "-n", namespace, "--timeout=30s"
    )


def test_pod_security_is_enforced(control_plane, namespace):
    level = "pod-security.kubernetes.io/enforce=restricted"
    control_plane.kubectl("label", "namespace", namespace, level)
    container = {"name": "main", "image": "none"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}}
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        control_plane.apply({**_in(namespace, pod), "spec": {"containers": [container]}})


def test_the_api_server_comes_back_with_what_it_knew(own_control_plane, namespace):
    own_control_plane.apply(_in(namespace, CONFIG))
    own_control_plane.stop_api_server()
    with pytest.raises(AssertionError, match="refused"):
        own_control_plane.get("configmap", "notes", "-n", namespace)
    own_control_plane.start_api_server()
    assert own_control_plane.get("configmap", "notes", "-n", namespace)
