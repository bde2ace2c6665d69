"""The operator as a process on a real API server, beside a double of Kubeflow."""

import copy
import time

import pytest
import yaml
from operating import ROOT, Calls, Kubeflow, Operator, Proxy, through, until

from poseline.operator.crd import crds
from poseline.operator.rbac import OWN, SERVED

EXPERIMENT = yaml.safe_load((ROOT / "examples/kubernetes/experiment.yaml").read_text())
SCHEDULE = yaml.safe_load((ROOT / "examples/kubernetes/schedule.yaml").read_text())


class Stage:
    """A namespace with an operator that may do what its role says, and nothing else."""

    def __init__(self, plane, namespace, folder):
        self.plane, self.namespace, self.folder = plane, namespace, folder
        self.kubeflow, self.calls = Kubeflow(), Calls()
        account = plane.service_account(namespace, "operator", rules=[*SERVED, *OWN])
        self.kubeconfig = folder / "operator.kubeconfig"
        self.api = Proxy("kubernetes", "", self.calls)
        upstream, authority = through(account, self.api.url, self.kubeconfig)
        self.api.upstream = upstream
        if authority:
            self.api.pool.connection_pool_kw["ca_certs"] = authority
        self.pipelines = Proxy("kubeflow", self.kubeflow.url, self.calls)
        self.operators = []

    def operator(self, **settings):
        environment = {**self.plane.environment, "KUBECONFIG": str(self.kubeconfig)}
        made = Operator(
            self.folder, environment, kubeflow_host=self.pipelines.url,
            namespaces=self.namespace, own_namespace=self.namespace,
            kubeflow_ui="http://kfp.example", **settings,
        )  # fmt: skip
        self.operators.append(made)
        return made.start()

    def close(self):
        for operator in self.operators:
            operator.end()
        for name in ("poseexperiments", "poseschedules"):
            for each in self.plane.get(name, "-n", self.namespace)["items"]:
                patch = '{"metadata": {"finalizers": null}}'
                self.plane.kubectl("patch", name, each["metadata"]["name"], "-n", self.namespace,
                                   "--type=merge", f"--patch={patch}")  # fmt: skip
        self.api.close()
        self.pipelines.close()
        self.kubeflow.stop()

    def apply(self, name, **spec):
        made = copy.deepcopy(EXPERIMENT)
        made["metadata"] = {"name": name, "namespace": self.namespace}
        made["spec"] |= spec
        self.plane.apply(made)

    def patch(self, name, patch, kind="pose"):
        self.plane.kubectl("patch", kind, name, "-n", self.namespace, "--type=merge",
                           f"--patch={yaml.safe_dump(patch)}")  # fmt: skip

    def get(self, name, kind="pose"):
        found = self.plane.get(kind, "-n", self.namespace)["items"]
        return next((each for each in found if each["metadata"]["name"] == name), None)

    def status(self, name, kind="pose"):
        return (self.get(name, kind) or {}).get("status", {})

    def delete(self, name, kind="pose"):
        self.plane.kubectl("delete", kind, name, "-n", self.namespace, "--wait=false")

    def runs(self, name):
        return self.kubeflow.runs(f"{self.namespace}-{name}-")

    def run(self, name, seconds=30):
        """The experiment's one run, once the status knows it."""

        def known():
            run_id = self.status(name).get("runID")
            return next((run for run in self.runs(name) if run["run_id"] == run_id), None)

        return until(known, seconds, self.log)

    def phase(self, name, phase, seconds=30):
        return until(lambda: self.status(name).get("phase") == phase and self.status(name),
                     seconds, self.log)  # fmt: skip

    def conditions(self, name, kind="pose"):
        return {each["type"]: each for each in self.status(name, kind).get("conditions", [])}

    def events(self, name):
        found = self.plane.get("events.events.k8s.io", "-n", self.namespace)["items"]
        mine = [each for each in found if each["regarding"]["name"] == name]
        return [each["reason"] for each in sorted(mine, key=lambda each: each["eventTime"])]

    def log(self):
        return "\n".join(operator.text() for operator in self.operators)


@pytest.fixture(scope="module")
def plane(control_plane):
    control_plane.apply(*crds(), server_side=True)
    names = [f"crd/{each['metadata']['name']}" for each in crds()]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    return control_plane


@pytest.fixture
def stage(plane, namespace, tmp_path):
    made = Stage(plane, namespace, tmp_path)
    yield made
    made.close()


@pytest.fixture
def say(request):
    """Print a figure whatever pytest captures."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    return lambda text: reporter.write_line(f"  {text}")


def test_an_experiment_from_apply_to_its_end(stage, say):
    stage.operator().ready()
    begun = time.monotonic()
    stage.apply("people")
    run = stage.run("people")
    say(f"apply to a submitted run that the status knows: {time.monotonic() - begun:.2f} s")
    assert run["display_name"].endswith("-g1")
    assert run["runtime_config"]["parameters"].keys() == {"config"}
    assert (
        yaml.safe_load(run["runtime_config"]["parameters"]["config"])["training"]["epochs"] == 100
    )
    stage.kubeflow.put(run["run_id"], "RUNNING", train="RUNNING")
    status = stage.phase("people", "Running")
    assert status["runURL"] == f"http://kfp.example/#/runs/details/{run['run_id']}"
    until(lambda: stage.status("people").get("stage") == "train")
    shown = stage.plane.kubectl("get", "pose", "-n", stage.namespace, "-o", "wide")
    assert shown.split()[:7] == ["NAME", "PHASE", "STAGE", "OKS", "INT8", "AGE", "RUN"]
    stage.kubeflow.put(run["run_id"], "SUCCEEDED")
    stage.plane.kubectl("wait", "--for=condition=Succeeded", "pose/people", "--timeout=20s",
                        "-n", stage.namespace)  # fmt: skip
    assert stage.status("people")["completionTime"]
    assert len(stage.runs("people")) == 1
    assert stage.events("people") == ["Submitted", "Stage", "RunSucceeded"]
    stage.delete("people")
    until(lambda: stage.get("people") is None)
