"""What Helm needs of a cluster on which others have worked."""

import contextlib

import pytest

DEFINITIONS = ("poseexperiments.poseline.dev", "poseschedules.poseline.dev")


def definitions(plane):
    """The definitions that are there."""
    return {crd["metadata"]["name"] for crd in plane.get("crd")["items"]} & set(DEFINITIONS)


def without_definitions(plane):
    """Take the definitions away: what Helm brought and what a test applied have other owners."""
    if not plane.bare:
        pytest.skip("KUBECONFIG names a cluster that had poseline's definitions before")
    found = definitions(plane)
    for kind in sorted(found):  # an operator that was killed holds what it made
        for each in plane.get(kind, "-A")["items"]:
            name, namespace = each["metadata"]["name"], each["metadata"]["namespace"]
            free = '--patch={"metadata": {"finalizers": null}}'
            with contextlib.suppress(AssertionError):  # it went with its namespace meanwhile
                plane.kubectl("patch", kind, name, "-n", namespace, "--type=merge", free)
    if found:
        plane.kubectl("delete", "crd", *sorted(found), "--timeout=60s", timeout=70)
