"""What is compiled: fresh, the same each time, read by KFP, and told in words."""

import re

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as pb
from support.samples import ROOT

from poseline.config.loading import run_form
from poseline.config.loading.run_form import RunForm
from poseline.config.models.steps import steps
from poseline.config.schema.generate import generate
from poseline.kubeflow.package import read_package, task_of
from poseline.kubeflow.workflow_size import LIMIT, values_of, workflow_size
from poseline_kfp.components.declared import COMMAND
from poseline_kfp.pipelines.form import CONFIG, VARIANTS
from poseline_kfp.pipelines.generated import COMPONENTS, OUTPUTS, PIPELINES

FRESH = (
    *("resolve", "compare", "gate", "finish", "dataset-split", "dataset-join"),
    *("search-plan", "search-orders", "search-worker", "search-result"),
)
OWN_GRAPHS = ("conversion", "search")
CHAINS_WITH_FIGURES = [n for n in PIPELINES if n.startswith("chain_") and n != "chain_qd"]


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


@pytest.mark.parametrize("name", [n for n in PIPELINES if n not in ("sweep", *OWN_GRAPHS)])
def test_the_graph_has_the_steps_of_its_mode(name):
    spec = read_package(compiled(name))
    tasks = {name for tasks in graphs(spec) for name in tasks}
    figures = name in CHAINS_WITH_FIGURES
    wanted = {step.name for step in steps(name, exported=figures, gated=figures)}
    own = {"resolve", "dataset-convert", "finish", "exit-handler-1"}
    assert tasks - {"import-model"} == wanted | own
    assert ("import-model" in tasks) == ("train" not in wanted)


@pytest.mark.parametrize("name", PIPELINES)
def test_what_may_differ_from_run_to_run_is_never_cached(name):
    for tasks in graphs(read_package(compiled(name))):
        for task, entry in tasks.items():
            if "cachingOptions" in entry:
                fresh = re.sub(r"-\d+$", "", task) in FRESH
                assert entry["cachingOptions"].get("enableCache", False) != fresh, task


@pytest.mark.parametrize("name", PIPELINES)
def test_a_package_has_neither_secrets_nor_places_of_this_machine(name):
    text = compiled(name)
    assert str(ROOT) not in text
    assert not re.search(r"(?i)secret_?access|password: |token: ", text)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_driver_gets_parameters_of_the_types_that_it_wants(name):
    """It takes each parameter for what is declared of its source, and a loop's item for STRING
    where the list does not say what it holds."""
    spec = read_package(compiled(name))
    for graph in (spec["root"], *spec["components"].values()):
        types = {
            k: p["parameterType"]
            for k, p in graph.get("inputDefinitions", {}).get("parameters", {}).items()
        }
        tasks = graph.get("dag", {}).get("tasks", {})
        for task, entry in tasks.items():
            component = spec["components"][entry["componentRef"]["name"]]
            wanted = component.get("inputDefinitions", {}).get("parameters", {})
            for key, source in entry.get("inputs", {}).get("parameters", {}).items():
                given = given_type(spec, tasks, types, source)
                assert given in (None, wanted[key]["parameterType"]), (task, key)
            if loop := entry.get("parameterIterator"):
                item = wanted[loop["itemInput"]]["parameterType"]
                made = loop["items"]["inputParameter"] in types
                assert item == ("STRUCT" if made else "STRING"), (task, loop)


def given_type(spec, tasks, types, source):
    if "componentInputParameter" in source:
        return types[source["componentInputParameter"]]
    if output := source.get("taskOutputParameter"):
        made = tasks[output["producerTask"]]["componentRef"]["name"]
        made = spec["components"][made]["outputDefinitions"]["parameters"]
        return made[output["outputParameterKey"]]["parameterType"]
    return None


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


FULL = """\
general: {project_name: a-project-with-a-long-name, global_seed: 7}
mlflow: {uri: "http://mlflow.kubeflow:5000"}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}, color_mode: rgb}
data_augmentation:
  random_contrast: {factor: 0.4}
  random_brightness: {factor: 0.3}
  random_flip: {mode: horizontal_and_vertical}
  random_translation: {width_factor: 0.1, height_factor: 0.1}
  random_rotation: {factor: "(-0.1, 0.1)"}
  random_zoom: {width_factor: 0.25, height_factor: 0.25}
  random_gaussian_noise: {stddev: "(0.0001, 0.005)"}
gate: {min_oks: 0.6, max_oks_drop: 0.02, max_latency_ms: 40, registered_model_name: a-model}
"""
"""What makes each slice as long as it becomes; the rest is the default config."""


def full_values():
    """What each task is given, each setting written out."""
    data = yaml.safe_load(CONFIG) | yaml.safe_load(FULL)
    text = yaml.safe_dump(data, sort_keys=False)
    config = run_form.read(text, "chain_tqeb", {"dataset": "s3://bucket/a/data/set"}, look=False)
    return values_of(config, text)


@pytest.mark.parametrize("name", PIPELINES)
def test_kubeflow_keeps_sight_of_a_workflow_with_a_full_config(name, record_property):
    """Above 1 MiB Argo compresses the nodes; a sweep of two models is a little above."""
    size = workflow_size(compiled(name), full_values(), passes=len(VARIANTS))
    record_property("bytes", size)
    assert size < (1.08 if name == "sweep" else 0.66) * LIMIT, f"{size:,} bytes"
    assert workflow_size(compiled(name), full_values()) < 0.7 * LIMIT


@pytest.mark.parametrize("name", PIPELINES)
def test_what_tasks_carry_is_short(name):
    """The component is started by name: its text would be in six nodes of a task."""
    for label, executor in read_package(compiled(name))["deploymentSpec"]["executors"].items():
        assert tuple(executor["container"]["command"]) == COMMAND, label


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_asks_for_fields_of_the_form(name):
    spec = read_package(compiled(name))
    asked = spec["root"]["inputDefinitions"]["parameters"]
    fields = RunForm.described()
    own = {"output", "parts", "pose", "category"} if name == "conversion" else {"config"}
    assert own <= asked.keys() <= own | {"variants", "workers", *fields}
    kinds = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}
    for key in asked.keys() & fields.keys():
        assert asked[key]["parameterType"] == kinds[fields[key].parameter.annotation]
        assert asked[key]["defaultValue"] == fields[key].parameter.default
        assert asked[key]["description"] == fields[key].says
    if name in OWN_GRAPHS:
        return
    for component in ("comp-resolve", "comp-finish"):
        assert (
            fields.keys() <= spec["components"][component]["inputDefinitions"]["parameters"].keys()
        )
