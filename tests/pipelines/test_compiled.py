"""What is compiled: fresh, the same each time, read by KFP, and told in words."""

import re

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as pb
from support.samples import ROOT

from poseline.config.loading import run_form
from poseline.config.models.steps import steps
from poseline.config.schema.generate import generate
from poseline.kubeflow.package import read_package, task_of
from poseline_kfp.pipelines.form import CONFIG
from poseline_kfp.pipelines.generated import COMPONENTS, OUTPUTS, PIPELINES

CHAINS_WITH_FIGURES = [name for name in PIPELINES if name.startswith("chain_")]


def compiled(name):
    return (ROOT / "pipelines" / "compiled" / f"{name}.yaml").read_text()


def graphs(spec):
    return [c["dag"]["tasks"] for c in (spec["root"], *spec["components"].values()) if "dag" in c]


def test_goldens_and_readmes_are_fresh():
    assert generate(ROOT, check=True, outputs=OUTPUTS) == []


@pytest.mark.parametrize("name", PIPELINES)
def test_the_same_pipeline_gives_the_same_bytes(name):
    make = OUTPUTS[f"pipelines/compiled/{name}.yaml"]
    assert make() == make()


@pytest.mark.parametrize("name", PIPELINES)
def test_kfp_reads_it(name):
    loaded = components.load_component_from_text(compiled(name))
    assert loaded.pipeline_spec.pipeline_info.name == f"poseline-{name.replace('_', '-')}"
    _, second = yaml.safe_load_all(compiled(name))
    for executor in second["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        json_format.ParseDict(executor, pb.KubernetesExecutorConfig())


@pytest.mark.parametrize("name", PIPELINES)
def test_every_parameter_and_task_is_told_in_words(name):
    spec = read_package(compiled(name))
    assert spec["pipelineInfo"]["displayName"]
    assert spec["pipelineInfo"]["description"]
    for parameter in spec["root"]["inputDefinitions"]["parameters"].values():
        assert parameter["description"]
        assert "defaultValue" in parameter
    titles = [
        task["taskInfo"]["name"]
        for tasks in graphs(spec)
        for name, task in tasks.items()
        if "handler" not in name and "loop" not in name
    ]
    assert all(" " in title or title == "Train" for title in titles), titles


@pytest.mark.parametrize("name", [name for name in PIPELINES if name != "sweep"])
def test_the_graph_has_the_steps_of_its_mode(name):
    spec = read_package(compiled(name))
    tasks = {name for tasks in graphs(spec) for name in tasks}
    wanted = {step.name for step in steps(name, gated=name in CHAINS_WITH_FIGURES)}
    own = {"resolve", "dataset-convert", "finish", "exit-handler-1"}
    assert tasks - {"import-model"} == wanted | own
    assert ("import-model" in tasks) == ("train" not in wanted)


@pytest.mark.parametrize("name", PIPELINES)
def test_what_may_differ_from_run_to_run_is_never_cached(name):
    for tasks in graphs(read_package(compiled(name))):
        for task, entry in tasks.items():
            if "cachingOptions" in entry:
                fresh = re.sub(r"-\d+$", "", task) in ("resolve", "gate", "finish")
                assert entry["cachingOptions"].get("enableCache", False) != fresh, task


@pytest.mark.parametrize("name", PIPELINES)
def test_a_package_has_neither_secrets_nor_places_of_this_machine(name):
    text = compiled(name)
    assert str(ROOT) not in text
    assert not re.search(r"(?i)secret_?access|password: |token: ", text)


@pytest.mark.parametrize("name", CHAINS_WITH_FIGURES)
def test_the_default_config_is_whole_but_for_what_the_form_names(name):
    entered = {"dataset": "s3://bucket/set"}
    if "t" not in name.rpartition("_")[2]:
        entered |= {"model": "s3://bucket/model.h5"}
    config = run_form.read(CONFIG, name, entered, look=False)
    assert config.conversion.path == "s3://bucket/set"


def test_pictures_to_annotate_are_named_in_the_form():
    entered = {"images": "s3://bucket/pictures", "model": "s3://bucket/model.tflite"}
    config = run_form.read(CONFIG, "prediction", entered, look=False)
    assert config.prediction.test_files_path == "s3://bucket/pictures"


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_one_call(name):
    source = (ROOT / "components" / name / "component.py").read_text()
    assert len(source.splitlines()) <= 80
    assert source.count("entrypoints.") == 1
    assert task_of(f"exec-{name.replace('_', '-')}")


def test_a_chain_is_a_short_file():
    for name in PIPELINES:
        assert len((ROOT / "pipelines" / f"{name}.py").read_text().splitlines()) <= 40
