import copy
import json
from pathlib import Path

import pytest
import yaml

from poseline.errors import ConfigError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.operator.experiments.parsing import parse_experiment, run_request

ROOT = Path(__file__).parents[3]
PIPELINES = ROOT / "pipelines/compiled"
BODY = yaml.safe_load((ROOT / "examples/kubernetes/experiment.yaml").read_text())
BODY["metadata"] |= {"namespace": "team", "uid": "0123456789ab", "generation": 4}


def changed(**spec):
    made = copy.deepcopy(BODY)
    made["spec"] |= spec
    return made


def test_only_what_runs_changes_the_hash():
    same = parse_experiment(changed(suspend=True, ttlSecondsAfterFinished=5))
    assert same.hash == parse_experiment(BODY).hash
    assert parse_experiment(changed(chain="tqe")).hash != same.hash
    assert parse_experiment(changed(platform={"sharedMemory": "2Gi"})).hash != same.hash
    assert (
        parse_experiment(changed(config={**BODY["spec"]["config"], "gate": {}})).hash != same.hash
    )


def test_kubeflow_gets_the_config_and_a_package_for_the_platform():
    own = {"images": {"ml": "mine:1"}, "resources": {"train": {"limits": {"memory": "3Gi"}}}}
    base = Platform.model_validate({"images": {"pipelines": "theirs:2"}, "serviceAccount": "runs"})
    found = run_request(
        changed(platform=own)["spec"], base, PIPELINES, AllowList(images=["mine:*"])
    )
    config = json.loads(found.parameters["config"])
    assert config["operation_mode"] == "chain_tqeb"
    assert config["training"] == BODY["spec"]["config"]["training"]
    assert found.service_account == "runs"
    executors = next(yaml.safe_load_all(found.package))["deploymentSpec"]["executors"]
    train, resolve = (executors[f"exec-{name}"]["container"] for name in ("train", "resolve"))
    assert (train["image"], resolve["image"]) == ("mine:1", "theirs:2")
    assert train["resources"]["resourceMemoryLimit"] == "3Gi"
    assert train["resources"]["resourceMemoryRequest"] == "2Gi"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"chain": "qb"}, "general.model_path"),
        ({"config": {}}, "training"),
        ({"platform": {"images": {"mll": "x"}}}, "mll"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(spec, found):
    with pytest.raises(ConfigError, match=found):
        run_request(changed(**spec)["spec"], Platform(), PIPELINES)


def test_a_pipeline_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"chain_tqeb\.yaml"):
        run_request(BODY["spec"], Platform(), tmp_path)
