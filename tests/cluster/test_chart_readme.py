"""The README's commands for a cluster, run as they stand, by the operator that the chart allows."""

import re
import shlex
import subprocess

import pytest
from support.control_plane.helming import without_definitions
from support.control_plane.operating import ROOT, Kubeflow, Operator, until

SECTION = (ROOT / "README.md").read_text().split("\n## On a cluster\n")[1].split("\n## ")[0]
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", SECTION, re.S)
    for line in block.splitlines()
    if line.strip()
]
PIPELINES = {
    f"poseline-{path.stem.replace('_', '-')}" for path in (ROOT / "pipelines/compiled").glob("*")
}


def listed(server):
    found = server.call("/apis/v2beta1/pipelines?page_size=50", method="GET")
    return {each["display_name"] for each in found["pipelines"]}


@pytest.fixture
def kubeflow_namespace(own_control_plane):
    plane = own_control_plane  # the name is not ours to use elsewhere
    plane.kubectl("create", "namespace", "kubeflow")
    without_definitions(plane)
    yield plane
    without_definitions(plane)  # they are Helm's, which leaves them
    plane.kubectl("delete", "namespace", "kubeflow", "--wait=false")


def test_the_commands_run(kubeflow_namespace, tmp_path):
    plane, server = kubeflow_namespace, Kubeflow("--pace", "0.3")
    operator, answers = None, {}
    try:
        for command in COMMANDS:
            done = subprocess.run(
                shlex.split(command),
                cwd=ROOT,
                env=plane.environment,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            answers[command] = done.stdout
            if command.startswith("helm install"):
                environment = {
                    **plane.environment,
                    "KUBECONFIG": str(plane.kubeconfig_of("kubeflow", "poseline")),
                }
                operator = Operator(
                    tmp_path,
                    environment,
                    namespaces="kubeflow",
                    own_namespace="kubeflow",
                    kubeflow_host=server.url,
                    publish_pipelines=True,
                )
                operator.start().ready()
        until(lambda: listed(server) >= PIPELINES, 60, operator.text)
        # With the operator there: it holds each experiment until its run has ended.
        plane.kubectl("delete", "poseschedules,poseexperiments", "--all", "-n", "kubeflow")
    finally:
        if operator:
            operator.end()
        server.stop()
    shown = next(
        text for command, text in answers.items() if "get" in command and "pose" in command
    )
    header, row = shown.splitlines()
    assert header.split() == ["NAME", "PHASE", "STAGE", "OKS", "INT8", "AGE"]
    assert row.split()[:2] == ["people", "Succeeded"]
    assert "poseexperiments --watch" in next(iter(answers.values()))  # the chart's notes
