import copy
import re
from pathlib import Path

import pytest
import yaml

from poseline.config.loading import load
from poseline.errors import ConfigError
from poseline.operator.api.crd import crds

ROOT = Path(__file__).parents[2]
EXPERIMENT = yaml.safe_load((ROOT / "examples/kubernetes/experiment.yaml").read_text())


def test_the_api_server_takes_the_definitions(with_crds):
    for definition in crds():
        found = with_crds.get("crd", definition["metadata"]["name"])
        conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"


def test_clients_can_apply_the_definitions_the_old_way():
    """`kubectl apply` keeps the whole object in an annotation of at most 262144 bytes."""
    import json

    assert all(len(json.dumps(definition)) < 250_000 for definition in crds())


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples/kubernetes").glob("*.yaml")), ids=lambda path: path.stem
)
def test_examples_are_admitted(with_crds, namespace, path):
    objects = [
        each | {"metadata": each["metadata"] | {"namespace": namespace}}
        for each in yaml.safe_load_all(path.read_text())
    ]
    with_crds.apply(*objects, dry_run=True)


def changed(path, value, chain="tqeb"):
    made = copy.deepcopy(EXPERIMENT)
    made["spec"]["chain"] = chain
    *parents, last = path.split(".")
    place = made["spec"]
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "chain"),
    [
        ("config.training", None, "tqeb"),
        ("config.training.epochs", None, "tqe"),
        ("config.training.model", None, "tqeb"),
        ("config.general.model_path", "a.h5", "tqeb"),
        ("config.general.model_path", None, "qb"),
        ("config.general.model_path", "s3://b/model.txt", "eqe"),
        ("config.general.model_type", "spe", "tqe"),
        ("config.dataset.training_path", None, "tqe"),
        ("config.quantization", None, "tqeb"),
        ("config.benchmarking", None, "tqeb"),
        ("config.preprocessing.color_mode", "grayscale", "tqeb"),
    ],
)
def test_what_the_mode_needs_is_told_as_the_command_line_tells_it(
    with_crds, namespace, path, value, chain
):
    wrong = changed(path, value, chain)
    config = {**wrong["spec"]["config"], "operation_mode": f"chain_{chain}"}
    with pytest.raises(ConfigError) as told:
        load.check(config)
    messages = [f"{problem.path}: {problem.accepted}" for problem in told.value.problems]
    with pytest.raises(AssertionError) as refused:
        with_crds.apply(wrong | {"metadata": {"name": "x", "namespace": namespace}})
    for message in messages:
        assert message in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("config.training.bach_size", 3, 'unknown field "spec.config.training.bach_size"'),
        ("config.training.epochs", 0, "spec.config.training.epochs: Invalid value: 0"),
        ("config.training.epochs", "many", "spec.config.training.epochs: Invalid value"),
        ("config.benchmarking.board", "NUCLEO", "spec.config.benchmarking.board: Unsupported"),
        ("config.operation_mode", "chain_tqe", "not set, or chain_ and the chain"),
        ("config.data_augmentation", [{"random_flip": {}, "random_rotation": {}}], "at most 1"),
        ("platform.resources.train.limits.memory", "12 GB", "memory: Invalid value"),
        ("chain", "tq", "spec.chain: Unsupported value"),
    ],
)
def test_wrong_values_are_refused(with_crds, namespace, path, value, found):
    wrong = changed(path, value, value if path == "chain" else "tqeb")
    with pytest.raises(AssertionError, match=re.escape(found)):
        with_crds.apply(wrong | {"metadata": {"name": "x", "namespace": namespace}})


SCHEDULE = yaml.safe_load((ROOT / "examples/kubernetes/schedule.yaml").read_text())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"schedule": "30 2 * * * *"}, "spec.schedule: Invalid value"),
        ({"concurrencyPolicy": "Never"}, "spec.concurrencyPolicy: Unsupported value"),
        ({"startingDeadlineSeconds": 0}, "spec.startingDeadlineSeconds"),
        ({"schedule": None}, "schedule, trigger.dataset, or both"),
        ({"schedule": None, "trigger": {"dataset": False}}, "schedule, trigger.dataset, or both"),
        ({"trigger": {"every": "5s"}}, "10s to 168h, in hours, minutes and seconds"),
        ({"trigger": {"every": "1d"}}, "spec.trigger.every: Invalid value"),
        ({"trigger": {"every": ""}}, "10s to 168h, in hours, minutes and seconds"),
        (
            {"experimentTemplate": {"spec": {"chain": "eqeb", "config": {}}}},
            "general.model_path: the path or URI of a model file; the mode needs it",
        ),
    ],
)
def test_wrong_schedules_are_refused(with_crds, namespace, change, found):
    wrong = copy.deepcopy(SCHEDULE)
    wrong["metadata"] = {"name": "x", "namespace": namespace}
    wrong["spec"] = {k: v for k, v in (wrong["spec"] | change).items() if v is not None}
    with pytest.raises(AssertionError, match=re.escape(found)):
        with_crds.apply(wrong)


def test_a_schedules_name_leaves_room_for_its_slots(with_crds, namespace):
    long = {**SCHEDULE, "metadata": {"name": "x" * 53, "namespace": namespace}}
    with pytest.raises(AssertionError, match="at most 52 characters"):
        with_crds.apply(long)


def test_defaults_and_explanations(with_crds, namespace):
    made = {**SCHEDULE, "metadata": {"name": "x", "namespace": namespace}}
    made = {**made, "spec": {k: made["spec"][k] for k in ("schedule", "experimentTemplate")}}
    with_crds.apply(made)
    (found,) = with_crds.get("posesched", "-n", namespace)["items"]
    defaults = {key: found["spec"][key] for key in ("timeZone", "concurrencyPolicy", "suspend")}
    assert defaults == {"timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid", "suspend": False}
    del made["spec"]["schedule"]
    made["spec"]["trigger"] = {}
    with_crds.apply(made | {"metadata": {"name": "watching", "namespace": namespace}})
    found = with_crds.get("posesched", "watching", "-n", namespace)
    assert found["spec"]["trigger"] == {"dataset": True, "every": "15m"}
    told = with_crds.kubectl("explain", "pose.spec.config.training.epochs")
    assert "integer" in told
