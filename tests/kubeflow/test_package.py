import re

import pytest
import yaml
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from kfp import compiler, components, dsl
from kfp.kubernetes import kubernetes_executor_config_pb2 as pb
from support.samples import ROOT

from poseline.errors import ConfigError
from poseline.kubeflow.package import configure, pipeline_name, version_name
from poseline.kubeflow.platform import Platform

EVERYTHING = {
    "images": {"ml": "ml@sha256:" + "0" * 64, "pullSecrets": ["pull"]},
    "resources": {"train": {"limits": {"cpu": "3", "memory": "8Gi"}}},
    "gpu": {"count": 2, "nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu"}]},
    "nodeSelector": {"zone": "a"},
    "tolerations": [{"key": "k", "effect": "NoExecute", "tolerationSeconds": 60}],
    "sharedMemory": "2Gi",
    "scratch": "20Gi",
    "cacheClaim": "cache",
    "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
    "s3": {"caConfigMap": "ca"},
    "mlflow": {"trackingUri": "http://mlflow:5000", "secretName": "mlflow"},
    "labels": {"team": "pose"},
    "annotations": {"sidecar.istio.io/inject": "false"},
    "env": {"OMP_NUM_THREADS": "2"},
}


@dsl.component(base_image="placeholder", install_kfp_package=False)
def resolve(config: str) -> dict:
    return {"config": config}


@dsl.component(base_image="placeholder", install_kfp_package=False)
def train(config: dict):
    pass


@dsl.pipeline(name="two-tasks")
def two(config: str = "a"):
    slices = resolve(config=config)
    train(config=slices.output)
    with dsl.ParallelFor([1, 2]):
        train(config=slices.output)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "two.yaml"
    compiler.Compiler().compile(two, str(path))
    return path.read_text()


def read(package):
    spec, second = yaml.safe_load_all(package)
    executors = second["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    containers = {k: v["container"] for k, v in spec["deploymentSpec"]["executors"].items()}
    return spec, containers, executors


@pytest.mark.parametrize("settings", [{}, EVERYTHING, {"s3": {"secretName": "", "endpoint": ""}}])
def test_what_is_configured_is_what_kfp_reads(package, settings):
    made = configure(package, Platform.model_validate(settings))
    components.load_component_from_text(made)
    spec, _, executors = read(made)
    json_format.ParseDict(spec, components.load_component_from_text(made).pipeline_spec.__class__())
    for executor in executors.values():
        message = json_format.ParseDict(executor, pb.KubernetesExecutorConfig())
        (run,) = message.field_path_as_env
        assert (run.name, run.field_path) == (
            "POSELINE_CHAIN_ID",
            "metadata.labels['pipeline/runid']",
        )
        assert {m.mount_path for m in message.empty_dir_mounts} == {"/tmp", "/dev/shm"}
        assert message.security_context.run_as_non_root


def test_network_policies_of_the_chart_find_the_pods_of_tasks(package):
    peers = (ROOT / "charts" / "poseline" / "templates" / "_helpers.tpl").read_text()
    name, value = re.search(r'tasks := dict "matchLabels" \(dict "(.+?)" "(.+?)"\)', peers).groups()
    _, _, executors = read(configure(package, Platform()))
    assert all(e["podMetadata"]["labels"][name] == value for e in executors.values())


def test_configuring_twice_is_configuring_once(package):
    first = Platform.model_validate(EVERYTHING)
    once = configure(package, Platform())
    assert configure(configure(package, first), Platform()) == once
    assert configure(once, Platform()) == once
    assert once.startswith("# PIPELINE DEFINITION\n# Name: two-tasks\n")


def test_gpus_are_for_the_training_alone(package):
    _, containers, executors = read(configure(package, Platform.model_validate(EVERYTHING)))
    assert containers["exec-train"]["resources"]["accelerator"] == {
        "resourceType": "nvidia.com/gpu",
        "resourceCount": "2",
    }
    assert "accelerator" not in containers["exec-resolve"]["resources"]
    assert executors["exec-train"]["nodeSelector"]["labels"] == {"gpu": "yes", "zone": "a"}
    assert executors["exec-resolve"]["nodeSelector"]["labels"] == {"zone": "a"}
    assert [t["key"] for t in executors["exec-train"]["tolerations"]] == ["k", "gpu"]


def test_a_light_task_has_the_light_image(package):
    _, containers, _ = read(configure(package, Platform.model_validate(EVERYTHING)))
    assert containers["exec-train"]["image"] == EVERYTHING["images"]["ml"]
    assert containers["exec-resolve"]["image"].startswith("poseline-pipelines:")


def test_only_what_an_attempt_can_mend_is_repeated(package):
    made = configure(package, Platform.model_validate({"retries": {"limit": 5}}))
    spec, _, _ = read(made)
    tasks = spec["root"]["dag"]["tasks"]
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 5
    assert "retryPolicy" not in tasks["resolve"]
    (loop,) = (c for name, c in spec["components"].items() if name.startswith("comp-for-loop"))
    assert all(task["retryPolicy"] for task in loop["dag"]["tasks"].values())
    none = configure(made, Platform.model_validate({"retries": {"limit": 0}}))
    assert "retryPolicy" not in none


def test_secrets_are_named_and_never_shown(package):
    made = configure(package, Platform.model_validate(EVERYTHING))
    _, containers, executors = read(made)
    names = {variable["name"] for variable in containers["exec-train"]["env"]}
    assert not {n for n in names if "TOKEN" in n or "PASSWORD" in n or "ACCESS_KEY" in n}
    assert executors["exec-train"]["secretAsVolume"][0]["secretName"] == "mlpipeline-minio-artifact"


@given(st.text(max_size=40) | st.sampled_from(["a: [", "- 1", "pipelineInfo: {name: x}", ""]))
def test_anything_else_is_told_as_such(text):
    with pytest.raises(ConfigError, match="compiled pipeline"):
        configure(text, Platform())


def test_a_task_that_is_not_known_is_told(package):
    with pytest.raises(ConfigError, match="task other"):
        configure(package.replace("exec-train", "exec-other"), Platform())


def test_names(package):
    assert pipeline_name(package) == "two-tasks"
    assert len(version_name(package)) == 12
    assert version_name(package) == version_name(package)
    assert version_name(package) != version_name(package + "\n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sharedMemory": "lots"},
        {"resources": {"trian": {}}},
        {"resources": {"train": {"limits": {"memory": "4 GB"}}}},
        {"tolerations": [{"operator": "Maybe"}]},
        {"retries": {"limit": -1}},
        {"securityContext": {"runAsUser": 0}},
        {"s3": {"accessKey": "secret"}},
        {"train": {"nodes": 0}},
        {"train": {"runtime": "Not A Name"}},
        {"train": {"nodes": 2}, "gpu": {"count": 2}},
    ],
)
def test_a_platform_is_strict(wrong):
    with pytest.raises(ValueError, match="validation error"):
        Platform.model_validate(wrong)


def test_nothing_written_is_the_default():
    assert Platform.model_validate({"s3": None, "cacheClaim": None}) == Platform()
    assert Platform.model_validate({"s3": {"secretName": ""}}).s3.secret_name == ""


def test_the_account_of_the_developer_cloud_goes_to_the_benchmark_alone(package):
    benchmark = package.replace("exec-train", "exec-benchmark").replace("comp-train", "comp-bench")
    platform = Platform.model_validate({"stedgeai": {"secretName": "st-account"}})
    _, containers, executors = read(configure(benchmark, platform))
    mounted = [volume["secretName"] for volume in executors["exec-benchmark"]["secretAsVolume"]]
    assert mounted == ["mlpipeline-minio-artifact", "st-account"]
    names = {one["name"] for one in containers["exec-benchmark"]["env"]}
    assert "POSELINE_STEDGEAI_SECRET" in names
    assert "st-account" not in str(executors["exec-resolve"])
    assert "STEDGEAI" not in str(containers["exec-resolve"])


def test_a_training_on_several_nodes_is_followed_by_a_small_task(package):
    platform = Platform.model_validate(
        EVERYTHING | {"train": {"nodes": 3}, "gpu": EVERYTHING["gpu"] | {"count": 1}}
    )
    made = configure(package, platform)
    _, containers, executors = read(made)
    follower, pod = containers["exec-train"], executors["exec-train"]
    assert follower["resources"]["resourceMemoryRequest"] == "512Mi"
    assert "accelerator" not in follower["resources"]
    assert pod["nodeSelector"]["labels"] == {"zone": "a"} and "pvcMount" not in pod
    json_format.ParseDict(pod, pb.KubernetesExecutorConfig())
    told = {one["name"]: one["value"] for one in follower["env"]}["POSELINE_TRAIN_PLATFORM"]
    nodes = Platform.model_validate(yaml.safe_load(told))
    assert nodes.resources.train == platform.resources.train
    for part in ("images", "gpu", "train", "tolerations", "s3", "env", "cache_claim"):
        assert getattr(nodes, part) == getattr(platform, part)
    assert "POSELINE_TRAIN_PLATFORM" not in str(containers["exec-resolve"])
    assert configure(made, Platform()) == configure(package, Platform())


def test_a_search_trains_on_one_node(package):
    several = Platform.model_validate({"train": {"nodes": 3}, "search": {"secretName": "db"}})
    worker = package.replace("exec-train", "exec-search-worker")
    _, containers, _ = read(configure(worker, several))
    assert "POSELINE_TRAIN_PLATFORM" not in str(containers["exec-search-worker"])
