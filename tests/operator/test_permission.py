"""What a spec may name: refused by default, and taken where it is allowed."""

import pytest
from support.samples import ROOT

from poseline.config.loading.settings_file import read_settings
from poseline.errors import ConfigError
from poseline.kubeflow.allowlist import AllowList, matches, names_server, regular
from poseline.kubeflow.platform import Platform
from poseline.operator.permission import Permission

OWN = Platform.model_validate(
    {
        "images": {"ml": "poseline-ml:1", "pullSecrets": ["pull"]},
        "s3": {"endpoint": "http://s3:9000", "secretName": "s3-keys"},
        "mlflow": {"trackingUri": "https://mlflow.example.com", "secretName": "mlflow-token"},
        "nodeSelector": {"pool": "training"},
        "serviceAccount": "runs",
        "env": {"TF_NUM": "1", "HTTPS_PROXY": "http://proxy"},
    }
)
REFUSED = [
    ({"images": {"ml": "evil:1"}}, "images.ml", {"images": ["evil:*"]}),
    ({"images": {"pipelines": ""}}, "images.pipelines", None),
    ({"images": {"pullSecrets": ["pull", "a"]}}, "images.pullSecrets.1", {"secrets": ["a"]}),
    ({"s3": {"secretName": "other"}}, "s3.secretName", {"secrets": ["oth?r"]}),
    ({"s3": {"endpoint": "http://evil:9000"}}, "s3.endpoint", {"endpoints": ["http://evil:9000"]}),
    ({"s3": {"endpoint": ""}}, "s3.endpoint", {"endpoints": [""]}),
    ({"s3": {"endpoint": "http://s3:9001"}}, "s3.endpoint", {"endpoints": ["http://s3:*"]}),
    ({"s3": {"endpoint": "https://s3:9000"}}, "s3.endpoint", None),
    ({"s3": {"endpoint": "http://s3:9000@evil"}}, "s3.endpoint", None),
    ({"s3": {"endpoint": "http://s3:9000\\@evil"}}, "s3.endpoint", None),
    ({"s3": {"endpoint": "http://s3.:9000"}}, "s3.endpoint", None),
    ({"s3": {"caConfigMap": "ca"}}, "s3.caConfigMap", {"config_maps": ["ca"]}),
    (
        {"mlflow": {"trackingUri": "https://evil"}},
        "mlflow.trackingUri",
        {"endpoints": ["https://evil"]},
    ),
    ({"serviceAccount": "admin"}, "serviceAccount", {"service_accounts": ["adm*"]}),
    ({"serviceAccount": ""}, "serviceAccount", {"service_accounts": [""]}),
    ({"train": {"runtime": "torch"}}, "train.runtime", {"runtimes": ["torch"]}),
    ({"cacheClaim": "data"}, "cacheClaim", {"volume_claims": ["data"]}),
    ({"nodeSelector": {"pool": "control"}}, "nodeSelector.pool", {"node_labels": ["pool=*"]}),
    ({"gpu": {"nodeSelector": {"a": "b"}}}, "gpu.nodeSelector.a", {"node_labels": ["**"]}),
    ({"gpu": {"resource": "example.com/nic"}}, "gpu.resource", {"devices": ["example.com/*"]}),
    ({"tolerations": [{"operator": "Exists"}]}, "tolerations.0", {"taints": ["*"]}),
    (
        {"tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute"}]},
        "tolerations.0",
        {"taints": ["a=b:NoExecute"]},
    ),
    ({"labels": {"team": "x"}}, "labels.team", {"labels": ["team=*"]}),
    ({"annotations": {"a.b/c": "x"}}, "annotations.a.b/c", {"annotations": ["a.b/c=x"]}),
    ({"env": {"OTHER": "1"}}, "env.OTHER", {"environment": ["*"]}),
    ({"env": {"MLFLOW_TRACKING_URI": "http://evil"}}, "env.MLFLOW_TRACKING_URI", None),
    ({"env": {"AWS_ENDPOINT_URL": "http://evil"}}, "env.AWS_ENDPOINT_URL", None),
    ({"env": {"https_proxy": "http://evil"}}, "env.https_proxy", None),
    ({"env": {"HTTPS_PROXY": "http://evil"}}, "env.HTTPS_PROXY", None),
    ({"env": {"PYTHONPATH": "/evil"}}, "env.PYTHONPATH", None),
    ({"env": {"LD_PRELOAD": "/evil"}}, "env.LD_PRELOAD", None),
    ({"securityContext": {"runAsUser": 1000}}, "securityContext.runAsUser", {"users": ["1000"]}),
    ({"securityContext": {"runAsNonRoot": False}}, "securityContext.runAsNonRoot", None),
]
EVERYTHING = AllowList(**{name: ["**"] for name in AllowList.model_fields})


def refused(spec, allow=None, own=OWN):
    found = Permission(own, AllowList(**(allow or {}))).problems(spec)
    return list(dict.fromkeys(each.path for each in found))


@pytest.mark.parametrize(("platform", "path", "opened"), REFUSED)
def test_a_platform_names_only_what_it_may(platform, path, opened):
    assert refused({"platform": platform}) == [f"platform.{path}"]
    if opened:
        assert refused({"platform": platform}, opened) == []


def test_what_the_installation_uses_is_allowed_in_any_spelling_of_its_servers():
    own = OWN.model_dump(by_alias=True, mode="json", exclude_none=True)
    assert refused({"platform": own}) == []
    for uri in ("https://MLFLOW.example.com:443/", "https://mlflow.example.com/path?a=b"):
        assert refused({"platform": {"mlflow": {"trackingUri": uri}}}) == []


def test_every_case_is_told_at_once():
    whole = {"images": {"ml": "evil"}, "env": {"A": "b"}, "labels": {"a": "b"}}
    config = {"mlflow": {"uri": "http://evil"}, "general": {"model_path": "http://evil/a.h5"}}
    assert len(refused({"platform": whole, "config": config})) == 5


@pytest.mark.parametrize(
    "platform",
    [
        {"env": {"AWS_PROFILE": "a"}},
        {"securityContext": {"runAsNonRoot": False}},
        {"mlflow": {"trackingUri": "https://elsewhere", "secretName": "mlflow-token"}},
        {"s3": {"endpoint": "", "secretName": "s3-keys"}},
    ],
)
def test_some_things_are_never_allowed(platform):
    assert [f.path for f in Permission(OWN, EVERYTHING).problems({"platform": platform})]


def test_the_installations_secrets_stay_with_its_servers():
    merged = Permission(OWN, EVERYTHING).merged
    assert merged({"mlflow": {"trackingUri": "https://elsewhere"}})["mlflow"]["secretName"] == ""
    assert merged({"s3": {"endpoint": "http://elsewhere"}})["s3"]["secretName"] == ""
    same = {"mlflow": {"trackingUri": "https://mlflow.example.com:443"}}
    assert merged(same)["mlflow"]["secretName"] == "mlflow-token"
    other = {"mlflow": {"trackingUri": "https://elsewhere", "secretName": "theirs"}}
    assert merged(other)["mlflow"]["secretName"] == "theirs"


@pytest.mark.parametrize(
    ("config", "path", "opened"),
    [
        (
            {"mlflow": {"uri": "http://evil:5000"}},
            "mlflow.uri",
            {"endpoints": ["http://evil:5000"]},
        ),
        ({"mlflow": {"uri": "postgresql://evil/db"}}, "mlflow.uri", None),
        ({"mlflow": {"uri": "databricks://evil"}}, "mlflow.uri", None),
        (
            {"general": {"model_path": "https://evil/a.h5"}},
            "general.model_path",
            {"sources": ["https://evil"]},
        ),
        ({"dataset": {"training_path": "HTTP://evil/set"}}, "dataset.training_path", None),
        ({"a": [{"b": "see http://evil/x"}]}, "a.0.b", {"sources": ["http://evil"]}),
        (
            {"general": {"project_name": "${env:MLFLOW_TRACKING_TOKEN}"}},
            "general.project_name",
            None,
        ),
        ({"general": {"project_name": "${oc.env:HOME}"}}, "general.project_name", None),
        ({"general": {"project_name": "${${a}:HOME}"}}, "general.project_name", None),
        ({"general": {"project_name": "$${a}{env:HOME}"}}, "general.project_name", None),
        ({"general": {"output": "s3://u:p@bucket/x"}}, "general.output", None),
        (
            {"general": {"model_path": "https://mlflow.example.com/a?X-Amz-Signature=abc"}},
            "general.model_path",
            None,
        ),
    ],
)
def test_a_config_names_only_what_it_may(config, path, opened):
    assert refused({"config": config}) == [f"config.{path}"]
    if opened:
        assert refused({"config": config}, opened) == []


@pytest.mark.parametrize(
    "config",
    [
        {"mlflow": {"uri": "https://mlflow.example.com"}},
        {"mlflow": {"uri": "./mlruns"}},
        {"mlflow": {"uri": "sqlite:///mlflow.db"}},
        {"general": {"model_path": "s3://bucket/model.h5", "output": "s3://bucket/@out"}},
        {"general": {"project_name": "${now:%Y}-${dataset.name}"}},
    ],
)
def test_a_usual_config_is_taken(config):
    assert refused({"config": config}) == []


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("*", "", True),
        ("a", "a\n", False),
        ("(a", "(a", True),
    ],
)
def test_patterns(pattern, text, expected):
    assert matches(pattern, text) is expected, regular(pattern)


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("https://*.example.com", "https://a.example.com/x", True),
        ("https://*.example.com", "https://a.example.com:443", True),
        ("https://*.example.com", "https://evil/.example.com", False),
        ("https://*.example.com", "https://evil#.example.com", False),
        ("https://*.example.com", "https://a.example.com@evil", False),
        ("https://*.example.com", "https://evil\\.example.com", False),
        ("https://*.example.com", "http://a.example.com", False),
        ("https://*.example.com", "https://a.example.com:8443", False),
        ("http://bücher.example", "http://xn--bcher-kva.example", False),
        ("http://xn--bcher-kva.example", "http://BÜCHER.example", True),
        ("http://[::1]:80", "http://[0:0::1]", True),
        ("**", "no url", False),
    ],
)
def test_patterns_of_servers(pattern, url, expected):
    assert names_server(pattern, url) is expected


def test_a_list_that_is_wrong_is_told(tmp_path):
    file = tmp_path / "allow.yaml"
    file.write_text("imagess: [a]\nsecrets: 1\n")
    with pytest.raises(ConfigError, match=r"(?s)2 problems.*imagess.*secrets|secrets.*imagess"):
        read_settings(file, AllowList)
    file.write_text("serviceAccounts: [a]\n")
    assert read_settings(file, AllowList).service_accounts == ("a",)


def test_the_examples_name_nothing_more_than_the_defaults():
    import yaml

    for path in sorted((ROOT / "examples/kubernetes").glob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body["kind"].startswith("Pose"):
                spec = body["spec"].get("experimentTemplate", body)["spec"]
                assert refused(spec, own=Platform()) == [], path
