"""The client and the operator on a real Kubeflow server with users and their namespaces."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.control_plane.operating import Stage, until
from support.kfp_double.package import PACKAGE

from poseline.kubeflow import schedules
from poseline.kubeflow.auth import Bearer
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import DeniedError, RefusedError

AUDIENCE = "pipelines.kubeflow.org"
EVERYTHING = {"apiGroups": [AUDIENCE], "resources": ["*"], "verbs": ["*"]}


@dataclass
class Profile:
    """A namespace with an account that may do everything in Kubeflow there, and its token."""

    plane: object
    namespace: str
    url: str
    token: Path

    def client(self, namespace=None, token=None):
        auth = Bearer(token) if token else Bearer(path=self.token)
        return Kubeflow(self.url, namespace or self.namespace, auth=auth)

    def issue(self, account, audience=AUDIENCE):
        """A fresh token of an account."""
        flags = ["-n", self.namespace, f"--audience={audience}"]
        return self.plane.kubectl("create", "token", account, *flags).strip()

    def runs(self, prefix=""):
        with self.client() as kubeflow:
            query = {"namespace": self.namespace}
            found = list(kubeflow.api.pages("/runs", "runs", query))
        return [run for run in found if run["display_name"].startswith(prefix)]


@pytest.fixture(scope="module")
def url(kubeflow_server):
    return kubeflow_server.start_multi_user()


@pytest.fixture
def profile(url, control_plane, namespace, tmp_path):
    control_plane.service_account(namespace, "owner", rules=[EVERYTHING])
    control_plane.service_account(namespace, "guest")
    made = Profile(control_plane, namespace, url, tmp_path / "token")
    made.token.write_text(made.issue("owner"))
    return made


def test_an_owner_runs_and_schedules(profile, control_plane):
    with profile.client() as kubeflow:
        assert kubeflow.api.get("/healthz")["multi_user"]
        version = kubeflow.pipeline_version("chain", PACKAGE)
        run = kubeflow.submit("one", version, {}, "poses")
        assert kubeflow.submit("one", version, {}, "poses").id == run.id
        assert [each.id for each in kubeflow.runs()] == [run.id]
        (workflow,) = control_plane.get("workflows.argoproj.io", "-n", profile.namespace)["items"]
        assert workflow["metadata"]["labels"]["pipeline/runid"] == run.id
        assert [each["name"] for each in kubeflow.pipelines()] == ["chain"]
        nightly = schedules.Schedule("nightly", "0 3 * * *", version, {}, "poses")
        assert schedules.apply(kubeflow, nightly) == "made"
        assert schedules.apply(kubeflow, nightly) == "unchanged"
        assert schedules.remove(kubeflow, "nightly", version.pipeline_id) == (1, 0)
        assert kubeflow.terminate(run.id)


def test_who_is_not_known_is_told_to_bring_a_token(profile):
    for auth in (None, Bearer("x"), Bearer(profile.issue("owner", "elsewhere"))):
        with Kubeflow(profile.url, profile.namespace, auth=auth) as kubeflow:
            with pytest.raises(DeniedError, match="identity is empty") as refused:
                kubeflow.runs()
            assert "give a token" in str(refused.value)


def test_who_may_not_is_told_so(profile):
    guest = profile.issue("guest")
    with profile.client(token=guest) as kubeflow:
        for act in (kubeflow.runs, lambda: kubeflow.pipeline_version("chain", PACKAGE)):
            with pytest.raises(DeniedError, match=r"guest' is not authorized") as refused:
                act()
            assert "kubeflow-edit" in str(refused.value)
    with profile.client("default") as kubeflow, pytest.raises(DeniedError, match="owner"):
        kubeflow.experiment("poses")


def test_a_namespace_is_asked_for(profile):
    with Kubeflow(profile.url, auth=Bearer(path=profile.token)) as kubeflow:
        with pytest.raises(RefusedError, match="empty namespace"):
            kubeflow.runs()
        with pytest.raises(RefusedError, match="empty namespace"):
            kubeflow.experiment("poses")
        assert list(kubeflow.pipelines()) == []


def test_an_experiment_runs_in_its_profile(profile, with_crds, tmp_path):
    stage = Stage(with_crds, profile.namespace, tmp_path, kubeflow=profile)
    try:
        stage.operator(
            kubeflow_namespace="*",
            kubeflow_token_file=profile.token,
            kubeflow_timeout=2,
            settle_seconds=12,
        ).ready()
        name = f"people-{secrets.token_hex(2)}"
        stage.apply(name)
        run = stage.run(name, 60)
        stage.delete(name)
        until(lambda: stage.get(name) is None, 60, stage.log)
        (only,) = stage.runs(name)
        assert only["run_id"] == run["run_id"] and only["state"] == "CANCELING"
    finally:
        stage.close()
