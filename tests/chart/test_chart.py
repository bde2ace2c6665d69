"""The chart, rendered and linted by Helm's own code, its objects checked against Kubernetes'."""

import copy
import functools
import json
import re
from pathlib import Path

import celpy
import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml

from poseline.chart import generate
from poseline.chart.values import Values
from poseline.errors import BackendError, ConfigError, DataError, ModelError, StoreError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.task_settings import pod_labels
from poseline.operator.permission import Permission

CHART = Path(__file__).parents[2] / "charts" / "poseline"
KUBERNETES = ("1.29.0", "1.34.0")
LATER = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
"""Kinds of Kubernetes 1.30, which the chart leaves out before."""
OWN = ("poseline.dev/v1alpha1", "monitoring.coreos.com/v1", "trainer.kubeflow.org/v1alpha1")


def values_of(setup):
    return yaml.safe_load((CHART / "ci" / f"{setup}-values.yaml").read_text()) or {}


@functools.cache
def loaded():
    return helm.Chart.load(str(CHART))


def render(values):
    return copy.deepcopy(rendered(json.dumps(values)))


@functools.cache
def rendered(values):
    files = loaded().render(json.loads(values), name="pose", namespace="vision")
    return [
        found
        for name, text in sorted(files.items())
        if not name.endswith("NOTES.txt")
        for found in yaml.load_all(text, yaml.CSafeLoader)
        if found
    ]


def of_kind(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def pods(objects):
    """Yield the name and spec of everything that becomes a pod."""
    for found in objects:
        if found["kind"] == "Pod":
            yield found["metadata"]["name"], found["spec"]
        elif found["apiVersion"] in OWN:
            continue
        elif template := found.get("spec", {}).get("template"):
            yield found["metadata"]["name"], template["spec"]


@pytest.fixture(params=generate.SETUPS)
def setup(request):
    return request.param


def test_every_set_up_has_its_values_and_says_what_it_is_for():
    files = {path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir()}
    assert files == set(generate.SETUPS)
    for name, what in generate.SETUPS.items():
        first = (CHART / "ci" / f"{name}-values.yaml").read_text().splitlines()[0]
        assert first.lower() == f"# {what.lower()}."


def test_lint_has_nothing_to_say(setup):
    for version in KUBERNETES:
        report = helm.lint(
            str(CHART), values_of(setup), strict=True, namespace="vision", kube_version=version
        )
        assert report["errors"] == []
        assert [m for m in report["messages"] if m["severity"] > 1] == []


def test_every_object_is_what_kubernetes_takes(setup):
    objects = render(values_of(setup))
    seen = 0
    for found in objects:
        if found["apiVersion"] in OWN or found["kind"] == "CustomResourceDefinition":
            continue
        for version in KUBERNETES:
            if found["kind"] not in LATER or version != KUBERNETES[0]:
                kubernetes_validate.validate(found, version, strict=True)
        seen += 1
    assert seen >= 6


def test_the_set_ups_render_what_they_did(setup, snapshot):
    text = yaml.safe_dump_all(
        [found for found in render(values_of(setup)) if found["kind"] != "CustomResourceDefinition"]
    )
    text = re.sub(r"(AWS_\w*ACCESS_KEY\w*): [A-Za-z0-9+/=]{20,}", r"\1: <random>", text)
    assert text == snapshot


def test_pods_are_as_restricted_as_pod_security_asks(setup):
    seen = 0
    for name, spec in pods(render(values_of(setup))):
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"], name
            assert not re.search(r":latest$|^[^:@]+$", container["image"]), name
        if name != "pose-poseline-operator" and "test" not in name:
            assert spec["automountServiceAccountToken"] is False
        seen += 1
    assert seen


def test_selectors_select_their_own_pods_and_nothing_else(setup):
    objects = render(values_of(setup))
    labels = {
        d["metadata"]["name"]: d["spec"]["template"]["metadata"]["labels"]
        for d in of_kind(objects, "Deployment")
    }
    for found in objects:
        selector = {
            "Service": lambda o: o["spec"]["selector"],
            "Deployment": lambda o: o["spec"]["selector"]["matchLabels"],
            "PodDisruptionBudget": lambda o: o["spec"]["selector"]["matchLabels"],
            "NetworkPolicy": lambda o: o["spec"]["podSelector"]["matchLabels"],
        }.get(found["kind"])
        if selector and found["metadata"]["name"] != "pose-poseline-train-nodes":
            wanted = selector(found).items()
            chosen = [name for name, have in labels.items() if wanted <= have.items()]
            assert chosen == [found["metadata"]["name"]], found["kind"]


def test_one_block_says_where_s3_and_mlflow_are():
    objects = render(values_of("kind"))
    platform = yaml.safe_load(
        next(c for c in of_kind(objects, "ConfigMap"))["data"]["platform.yaml"]
    )
    assert platform["s3"]["endpoint"] == "http://pose-poseline-s3.vision.svc:8333"
    assert platform["s3"]["secretName"] == of_kind(objects, "Secret")[0]["metadata"]["name"]
    assert platform["mlflow"]["trackingUri"] == "http://pose-poseline-mlflow.vision.svc:5000"
    services = {s["metadata"]["name"] for s in of_kind(objects, "Service")}
    assert {"pose-poseline-s3", "pose-poseline-mlflow"} <= services
    environment = {
        e["name"]: e.get("value")
        for _, spec in pods(objects)
        for c in spec["containers"]
        if c["name"] == "operator"
        for e in c["env"]
    }
    assert environment["POSELINE_MLFLOW_URL"] == platform["mlflow"]["trackingUri"]


def test_the_operator_reads_the_platform_that_the_chart_writes(setup):
    from poseline.kubeflow.platform import Platform

    config = of_kind(render(values_of(setup)), "ConfigMap")[0]["data"]["platform.yaml"]
    platform = Platform.model_validate(yaml.safe_load(config))
    wanted = values_of(setup).get("platform", {})
    for name, value in wanted.get("images", {}).items():
        assert platform.images.model_dump(mode="json", by_alias=True)[name] == value
    assert platform.gpu.count == wanted.get("gpu", {}).get("count", 0)


def test_definitions_stay_and_are_optional():
    kept = of_kind(render({}), "CustomResourceDefinition")
    assert {crd["spec"]["names"]["kind"] for crd in kept} == {"PoseExperiment", "PoseSchedule"}
    for crd in kept:
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    loose = of_kind(render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert all("annotations" not in crd["metadata"] for crd in loose)
    assert not of_kind(render({"crds": {"install": False}}), "CustomResourceDefinition")


def test_a_small_set_up_has_no_disruption_budget():
    assert of_kind(render({}), "PodDisruptionBudget")
    assert not of_kind(render({"operator": {"replicas": 1}}), "PodDisruptionBudget")


WRONG = {
    "a misspelt key": {"operator": {"replica": 2}},
    "too many replicas": {"operator": {"replicas": 99}},
    "text for a number": {"operator": {"replicas": "two"}},
    "an unknown level": {"operator": {"logLevel": "loud"}},
    "a bad quantity": {"mlflow": {"embedded": {"storage": {"size": "much"}}}},
    "a bad name": {"fullnameOverride": "Not A Name"},
    "a setting with its source elsewhere": {"platform": {"s3": {"endpoint": "http://x"}}},
    "a schedule without a name": {"schedules": [{"spec": {}}]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(helm.HelmError, match=next(iter(wrong))):
        loaded().validate_schema(wrong)
        render(wrong)


def test_two_places_for_mlflow_are_refused():
    both = {"mlflow": {"trackingUri": "http://x", "embedded": {"enabled": True}}}
    with pytest.raises(helm.HelmError, match="trackingUri"):
        render(both)


def test_values_are_what_their_model_says():
    shown = yaml.safe_load((CHART / "values.yaml").read_text())
    assert shown == generate.defaults()
    jsonschema.Draft7Validator.check_schema(generate.schema())
    jsonschema.validate(shown, generate.schema())
    assert Values.model_validate(copy.deepcopy(shown)) == Values()
    lines = (CHART / "values.yaml").read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r" *[a-zA-Z]+:", line)]
    assert len(keys) > 150
    assert not [lines[i] for i in keys if not lines[i - 1].strip().startswith("#")]


def test_every_value_changes_something(setup):
    """A value that no template reads is a promise that is not kept."""
    templates = "".join(p.read_text() for p in (CHART / "templates").rglob("*") if p.is_file())
    unread = []
    for name, value in generate.defaults().items():
        if name == "platform":
            continue
        for inner in value if isinstance(value, dict) else [""]:
            if not re.search(rf"\.{name}\b" + (rf"[\s\S]*\b{inner}\b" if inner else ""), templates):
                unread.append(f"{name}.{inner}")
    assert not unread


def policies(values):
    found = of_kind(render(values), "ValidatingAdmissionPolicy")
    return {each["metadata"]["name"].rpartition("-")[2]: each["spec"] for each in found}


def verdict(policy, body):
    """The messages of a policy's validations that do not hold, by CEL itself."""
    environment = celpy.Environment()

    def run(expression, **known):
        program = environment.program(environment.compile(expression))
        return program.evaluate({k: celpy.json_to_cel(v) for k, v in known.items()})

    variables = {each["name"]: json.loads(each["expression"]) for each in policy["variables"]}
    return [
        each["message"].partition(":")[0]
        for each in policy["validations"]
        if not run(each["expression"], object=body, variables=variables)
    ]


@pytest.mark.parametrize(
    ("platform", "config", "refused"),
    [
        ({}, {}, []),
        ({"images": {"ml": "registry.example.com/poseline-ml:0.1.0"}}, {}, []),
        ({"images": {"ml": "evil:1"}}, {}, ["platform.images.ml"]),
        ({"images": {"ml": "team/a:1", "pullSecrets": ["registry"]}}, {}, []),
        (
            {"images": {"ml": "team/a/b:1", "pullSecrets": ["other"]}},
            {},
            ["platform.images.ml", "platform.images.pullSecrets"],
        ),
        (
            {"s3": {"endpoint": "https://S3.example.com:443/", "secretName": "s3-credentials"}},
            {},
            [],
        ),
        (
            {"s3": {"endpoint": "https://s3.example.com.evil", "secretName": ""}},
            {},
            ["platform.s3.endpoint"],
        ),
        ({"s3": {"endpoint": "https://a.lab"}}, {"mlflow": {"uri": "https://b.lab/x"}}, []),
        ({"mlflow": {"trackingUri": "https://evil#.lab"}}, {}, ["platform.mlflow.trackingUri"]),
        (
            {"serviceAccount": "admin", "cacheClaim": "data"},
            {},
            ["platform.serviceAccount", "platform.cacheClaim"],
        ),
        (
            {"nodeSelector": {"pool": "a"}, "labels": {"a": "b"}, "env": {"B": "c"}},
            {},
            ["platform.nodeSelector", "platform.labels", "platform.env"],
        ),
        ({"tolerations": [{"key": "a", "operator": "Equal", "value": "b"}]}, {}, []),
        ({"tolerations": [{"operator": "Exists"}]}, {}, ["platform.tolerations"]),
        ({"securityContext": {"runAsUser": 5}}, {}, ["platform.securityContext.runAsUser"]),
        ({}, {"mlflow": {"uri": "http://evil"}}, ["config.mlflow.uri"]),
        ({}, {"mlflow": {"uri": "./mlruns"}}, []),
    ],
)
def test_the_admission_policy_refuses_what_the_operator_does(platform, config, refused):
    allow = {"images": ["team/*"], "endpoints": ["https://*.lab"], "taints": ["a=b*"]}
    values = values_of("external")
    values["operator"]["allow"] = allow
    spec = {"platform": platform, "config": config}
    found = policies(values)
    assert verdict(found["poseexperiments"], {"spec": spec}) == refused
    nested = {"spec": {"experimentTemplate": {"spec": spec}}}
    assert verdict(found["poseschedules"], nested) == refused
    objects = render(values)
    data = next(o for o in of_kind(objects, "ConfigMap") if "allow.yaml" in o["data"])["data"]
    own = Platform.model_validate(yaml.safe_load(data["platform.yaml"]))
    permission = Permission(own, AllowList.model_validate(yaml.safe_load(data["allow.yaml"])))
    told = [problem.path for problem in permission.problems(spec)]
    assert [path for path in refused if not any(each.startswith(path) for each in told)] == []
    assert bool(told) == bool(refused)


def test_the_policy_can_be_left_out_and_is_the_namespaces_alone():
    assert policies({"operator": {"admissionPolicy": False}}) == {}
    (binding, _) = of_kind(render({}), "ValidatingAdmissionPolicyBinding")
    selector = binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
    assert selector == {"kubernetes.io/metadata.name": "vision"}
    wide = of_kind(render({"operator": {"clusterWide": True}}), "ValidatingAdmissionPolicyBinding")
    assert "matchResources" not in wide[0]["spec"]


def test_embedded_servers_name_who_may_talk_to_them():
    values = values_of("kind") | {"networkPolicy": {"peers": [{"podSelector": {}}]}}
    found = {o["metadata"]["name"]: o["spec"] for o in of_kind(render(values), "NetworkPolicy")}
    for name in ("pose-poseline-mlflow", "pose-poseline-s3"):
        (rule,) = found[name]["ingress"]
        assert rule["from"][-1] == {"podSelector": {}} and len(rule["from"]) == 3


PROFILES = {
    "trainer": {"enabled": True},
    "kubeflow": {"namespace": "*"},
    "platform": {"train": {"runtime": "vision", "runtimeKind": "ClusterTrainingRuntime"}},
}


@pytest.mark.parametrize("profiles", [False, True])
def test_a_training_on_several_nodes_finds_its_runtime(profiles):
    objects = render(PROFILES if profiles else values_of("nodes"))
    platform = next(c for c in of_kind(objects, "ConfigMap") if "platform.yaml" in c["data"])
    train = Platform.model_validate(yaml.safe_load(platform["data"]["platform.yaml"])).train
    (runtime,) = of_kind(objects, train.runtime_kind)
    assert runtime["metadata"]["name"] == train.runtime
    assert runtime["metadata"].get("namespace") == (None if profiles else "kubeflow")
    (role,) = [o for o in objects if o["metadata"]["name"].endswith("-train")][:1]
    assert role["kind"] == ("ClusterRole" if profiles else "Role")


def test_nothing_of_trainer_is_made_unless_it_is_asked_for():
    assert not [o for o in render({}) if "trainer" in o["apiVersion"]]


def test_the_jobs_of_a_training_runtime_are_what_kubernetes_takes():
    (runtime,) = of_kind(render(values_of("nodes")), "TrainingRuntime")
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}
    made["spec"] = job["template"]["spec"]
    kubernetes_validate.validate(made, KUBERNETES[-1], strict=True)
    pod = made["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    context = pod["containers"][0]["securityContext"]
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]


def test_what_another_attempt_cannot_mend_ends_a_training_on_several_nodes():
    (runtime,) = of_kind(render(values_of("nodes")), "TrainingRuntime")
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    (rule,) = job["template"]["spec"]["podFailurePolicy"]["rules"]
    kinds = (ConfigError, DataError, ModelError, StoreError, BackendError)
    assert rule["onExitCodes"]["values"] == sorted(kind.exit_code for kind in kinds)


def test_a_runtime_of_one_namespace_has_to_know_it():
    with pytest.raises(helm.HelmError, match="ClusterTrainingRuntime"):
        render({"trainer": {"enabled": True}, "kubeflow": {"namespace": "*"}})


def test_only_nodes_of_a_training_reach_each_other():
    objects = render(values_of("nodes"))
    found = {o["metadata"]["name"]: o["spec"] for o in of_kind(objects, "NetworkPolicy")}
    policy = found["pose-poseline-train-nodes"]
    (peer,) = policy["ingress"][0]["from"]
    assert peer["podSelector"] == policy["podSelector"]
    assert (
        policy["podSelector"]["matchLabels"].items() <= pod_labels("train-node", Platform()).items()
    )
