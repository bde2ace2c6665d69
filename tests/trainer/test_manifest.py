import yaml
from support.samples import ROOT

from poseline.kubeflow.platform import Platform
from poseline.trainer.manifest import job_name, train_job
from poseline.trainer.messages import Request
from poseline.trainer.status import OwnPod

PLACE = "s3://mlpipeline/v2/artifacts/poseline-chain-tqeb/0a1b/train/9/model"
REQUEST = Request(
    config="general: {seed: 1}", inputs={"training": "s3://b/$(HOME)"}, checkpoint="c", result="r"
)
POD = OwnPod.model_validate(
    {
        "metadata": {
            "name": "run-train",
            "ownerReferences": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Workflow",
                    "name": "run",
                    "uid": "1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"serviceAccountName": "pipeline-runner", "containers": [{"name": "main"}]},
    }
)
EVERYTHING = {
    "images": {"ml": "team/ml:1", "pullSecrets": ["pull"]},
    "resources": {"train": {"requests": {"cpu": "4"}, "limits": {"memory": "16Gi", "cpu": ""}}},
    "gpu": {"count": 1, "nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu"}]},
    "train": {"nodes": 3, "runtime": "own", "runtimeKind": "ClusterTrainingRuntime"},
    "nodeSelector": {"zone": "a"},
    "tolerations": [{"key": "k", "effect": "NoExecute", "tolerationSeconds": 60}],
    "scratch": "20Gi",
    "cacheClaim": "cache",
    "securityContext": {"runAsUser": 1000},
    "s3": {"caConfigMap": "ca"},
    "labels": {"kueue.x-k8s.io/queue-name": "team"},
    "annotations": {"sidecar.istio.io/inject": "false"},
    "env": {"OMP_NUM_THREADS": "2"},
}


def made(settings=None):
    platform = Platform.model_validate(settings or {"train": {"nodes": 2}})
    return train_job(job_name(PLACE), "team", platform, REQUEST, POD, "chain-1")


def pod_of(job):
    (patch,) = job["spec"]["runtimePatches"]
    (node,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert node["name"] == "node"
    return node["template"]["spec"]["template"]


def test_a_task_that_is_tried_again_has_the_same_job():
    assert job_name(PLACE) == job_name(PLACE) != job_name(PLACE + "2")
    assert len(f"{job_name(PLACE)}-node-0-63-abcde") < 63  # a host's name


def test_nodes_have_what_the_task_would_have_had():
    job = made(EVERYTHING)
    trainer, template = job["spec"]["trainer"], pod_of(job)
    assert job["spec"]["runtimeRef"] | {"apiGroup": ""} == {
        "apiGroup": "",
        "kind": "ClusterTrainingRuntime",
        "name": "own",
    }
    assert trainer["numNodes"] == 3 and trainer["image"] == "team/ml:1"
    assert trainer["resourcesPerNode"] == {
        "requests": {"cpu": "4"},
        "limits": {"memory": "16Gi", "nvidia.com/gpu": "1"},
    }
    pod = template["spec"]
    assert pod["nodeSelector"] == {"zone": "a", "gpu": "yes"}
    assert [one["key"] for one in pod["tolerations"]] == ["k", "gpu"]
    assert pod["tolerations"][0]["tolerationSeconds"] == 60
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 1000}
    assert pod["serviceAccountName"] == "pipeline-runner"
    names = [volume["name"] for volume in pod["volumes"]]
    assert names == ["tmp", "shm", "s3", "ca", "cache"]
    assert [mount["name"] for mount in pod["containers"][0]["volumeMounts"]] == names
    assert template["metadata"]["labels"]["app.kubernetes.io/component"] == "train-node"
    assert template["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"


def test_a_job_goes_with_the_workflow_and_belongs_to_no_controller():
    (owner,) = made()["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": "run",
        "uid": "1",
    }


def test_kubernetes_replaces_nothing_in_what_nodes_are_told():
    """It reads `$(NAME)` in a value, and `$$` as `$`."""
    values = {one["name"]: one["value"] for one in made()["spec"]["trainer"]["env"]}
    told = values["POSELINE_TRAIN_REQUEST"].replace("$$", "$")
    assert Request.model_validate_json(told) == REQUEST
    assert "$$(HOME)" in values["POSELINE_TRAIN_REQUEST"]
    assert values["NUM_NODES"] == "2" and values["POSELINE_TRAIN_JOB"] == job_name(PLACE)
    assert "AWS_SECRET_ACCESS_KEY" not in values


def test_the_chart_makes_the_runtime_that_is_named_by_default():
    values = yaml.safe_load((ROOT / "charts/poseline/values.yaml").read_text())
    assert made()["spec"]["runtimeRef"]["name"] == values["platform"]["train"]["runtime"]
