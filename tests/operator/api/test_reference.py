import re
from typing import get_args

import pytest
import yaml
from support.api_server import checker

from poseline.config.loading import load
from poseline.operator.api.crd import crds
from poseline.operator.api.events import CONDITIONS, EVENTS, OF_SCHEDULES
from poseline.operator.api.kinds import EXPERIMENT, SCHEDULE, Condition
from poseline.operator.api.reference import reference

PAGE = reference()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
SCHEMAS = {
    made["spec"]["names"]["kind"]: made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for made in crds()
}


def section(title):
    """What is below a heading, to the next one."""
    return PAGE.split(f"# {title}\n")[1].split("\n#")[0]


def fields(node, path=""):
    for name, field in node["properties"].items():
        inner = field.get("items", field)
        listed = "[]" if inner is not field and "properties" in inner else ""
        yield f"{path}{name}{listed}", field
        if "properties" in inner:
            yield from fields(inner, f"{path}{name}{listed}.")


def rows(title):
    """Field to the other cells of its row."""
    found = re.findall(r"^\| `([^`]+)` \| (.*) \|$", section(title), re.MULTILINE)
    return {name: re.split(r"(?<!\\)\s?\| ?", cells) for name, cells in found}


def check(title, node, *, without=""):
    told = rows(title)
    for name, field in fields(node):
        if not without or not name.startswith(without):
            assert told.pop(name)[-1] == field["description"].replace("|", "\\|"), name
    assert not told


def test_every_field_is_told_with_what_it_means():
    spec = SCHEMAS["PoseExperiment"]["properties"]["spec"]["properties"]
    for section_, field in spec["config"]["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            check(f"`config.{section_}`", inner)
        else:
            assert section_ in rows("`config`")
    check("`platform`", spec["platform"])
    for kind in ("PoseExperiment", "PoseSchedule"):
        check(f"{kind} `status`", SCHEMAS[kind]["properties"]["status"])
    schedule = SCHEMAS["PoseSchedule"]["properties"]["spec"]
    check("PoseSchedule `spec`", schedule, without="experimentTemplate.spec.")
    assert set(rows("PoseExperiment `spec`")) == set(spec)


@pytest.mark.parametrize(
    ("title", "field", "expected"),
    [
        ("PoseExperiment `spec`", "chain", ["`tqe`, `tqeb`, `eqe`, `eqeb`, `qb`, `qd`", "`tqeb`"]),
        ("PoseExperiment `spec`", "config", ["[below](#config)", "**required**"]),
        ("PoseSchedule `spec`", "failedExperimentsHistoryLimit", ["integer ≥ 0, ≤ 1000", "`1`"]),
        ("PoseSchedule `spec`", "timeZone", ["text, ≤ 64 characters", "`Etc/UTC`"]),
        (
            "PoseSchedule `status`",
            "conditions[].status",
            ["`True`, `False`, `Unknown`", "**required**"],
        ),
        ("PoseSchedule `status`", "nextScheduleTime", ["time", ""]),
        ("`config.dataset`", "validation_split", ["number > 0, < 1", "`0.2`"]),
        ("`config.training`", "model.pretrained_weights", ["text or `null`", "`imagenet`"]),
        (
            "`config.data_augmentation`",
            "random_rotation.factor",
            ["2 × number ≥ -1, ≤ 1", "`[-0.1, 0.1]`"],
        ),
        ("`config.general`", "deterministic_ops", ["`true`, `false`", "`false`"]),
        ("`platform`", "resources.train.limits.memory", ["text, ≤ 32 characters", "`8Gi`"]),
    ],
)
def test_bounds_and_defaults(title, field, expected):
    assert rows(title)[field][:2] == expected


@pytest.mark.parametrize("kind", ["PoseExperiment", "PoseSchedule"])
def test_rules_and_columns_are_told(kind):
    told = section(f"{kind} rules")
    for rule in SCHEMAS[kind].get("x-kubernetes-validations", []) + (
        SCHEMAS[kind]["properties"]["spec"].get("x-kubernetes-validations", [])
    ):
        assert rule["message"] in told
        assert rule["rule"].replace("|", "\\|") in told
    (definition,) = [made["spec"] for made in crds() if made["spec"]["names"]["kind"] == kind]
    for column in definition["versions"][0]["additionalPrinterColumns"]:
        assert f"`{column['jsonPath']}`" in section(f"{kind} columns")
    for short in definition["names"]["shortNames"]:
        assert f"`{short}`" in section(kind)


def test_each_condition_and_event_is_told_at_its_kind():
    assert set(CONDITIONS) == set(get_args(Condition))
    for kind in ("PoseExperiment", "PoseSchedule"):
        of_schedules = set(OF_SCHEDULES)
        wanted = of_schedules if kind == "PoseSchedule" else set(CONDITIONS) - {"Watching"}
        shown = {name for name in CONDITIONS if f"| {name} |" in section(f"{kind} conditions")}
        assert shown == wanted
    for reason, event in EVENTS.items():
        for kind in (EXPERIMENT, SCHEDULE):
            assert (f"| {reason} |" in section(f"{kind.name} Events")) == (event.kind is kind)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda found: found["metadata"]["name"])
def test_the_examples_can_be_applied(example):
    checker(f"{example['kind'].lower()}s").validate(example)
    spec = example["spec"].get("experimentTemplate", example)["spec"]
    load.check({**spec["config"], "operation_mode": f"chain_{spec['chain']}"})


def test_there_are_two_examples_of_each():
    assert [found["kind"] for found in EXAMPLES] == ["PoseExperiment"] * 2 + ["PoseSchedule"] * 2
