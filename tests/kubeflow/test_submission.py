"""Everything is checked before anything is sent; what is sent is what was checked."""

import json
import re

import pytest
import yaml
from support.kfp_double.package import PACKAGE
from support.samples import ROOT

from poseline.errors import ConfigError
from poseline.kubeflow import logs, submission
from poseline.kubeflow.errors import RefusedError

CONFIG = """
general: {project_name: poses}
operation_mode: chain_tqe
dataset: {name: d, keypoints: 17, training_path: s3://b/train, quantization_split: 0.3}
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}}
data_augmentation:
  random_translation: {width_factor: 0.1, height_factor: 0.1}
  random_flip: {mode: horizontal}
  random_contrast: {factor: 0.4}
training:
  model: {alpha: 0.35, input_shape: "(192, 192, 3)"}
  batch_size: ${env:BATCH,16}
  epochs: 5
  optimizer: {Adam: {learning_rate: 0.001}}
quantization: {quantizer: TFlite_converter}
mlflow: {uri: ./mlruns}
hydra: {run: {dir: "./outputs/${now:%Y_%m_%d_%H_%M_%S}"}}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "user_config.yaml"
    path.write_text(CONFIG)
    return path


def run_request(config, *settings, **more):
    return submission.run_request(PACKAGE, "chain_tqe", config=config, settings=settings, **more)


def test_overrides_are_put_into_the_resolved_config_in_its_order(config, monkeypatch):
    monkeypatch.setenv("BATCH", "48")
    sent = run_request(config, "training.epochs=9", "~mlflow", "epochs=3").parameters
    data = yaml.safe_load(sent.pop("config"))
    assert sent == {"epochs": 3}
    assert data["training"]["epochs"] == 9 and data["training"]["batch_size"] == "48"
    assert data["training"]["model"]["input_shape"] == "(192, 192, 3)"
    flips = ["random_translation", "random_flip", "random_contrast"]
    assert list(data["data_augmentation"]) == flips
    assert "mlflow" not in data and data["operation_mode"] == "chain_tqe"


def test_the_same_order_is_the_same_parameters(config):
    first = run_request(config)
    assert first == run_request(config)  # no time in it: a schedule stays what it is
    assert "hydra" not in first.parameters["config"] and "${" not in first.parameters["config"]


def test_every_mistake_is_told_and_nothing_sent(config, server, tmp_path):
    with pytest.raises(ConfigError) as error:
        run_request(config, "training.bach_size=3", "quantization.quantizer=other")
    assert "batch_size" in str(error.value) and "quantizer" in str(error.value)
    assert "line" not in str(error.value)  # since it is an override
    config.write_text(CONFIG.replace("chain_tqe", "chain_x").replace("TFlite_conv", "conv"))
    with pytest.raises(ConfigError, match=r"quantization\.quantizer \(line 15\)"):
        run_request(config)
    config.write_text(CONFIG)
    for wrong in ("epochs=many", "epochs=2.5", "epochs=true", "epochs=[", "epochs="):
        with pytest.raises(ConfigError, match="a whole number"):
            run_request(config, wrong)
    with pytest.raises(ConfigError, match=r"training\.epochs: found -3"):
        run_request(config, "epochs=-3")
    with pytest.raises(ConfigError, match="No such file"):
        run_request(tmp_path / "missing.yaml")
    with pytest.raises(ConfigError, match="what KFP compiles"):
        submission.run_request("a: 1", None)
    assert not server.counts


def test_a_platform_file(config, tmp_path, kubeflow, server):
    path = tmp_path / "platform.yaml"
    path.write_text("images: {ml: registry/ml:1}\nserviceAccount: trainer\n")
    request = run_request(config, platform=path)
    run = submission.submit(kubeflow, request, "one")
    (version,) = server.objects.versions.values()
    assert version["description"] == "train, quantize"
    spec = version["pipeline_spec"]["pipeline_spec"]
    executor = spec["deploymentSpec"]["executors"]["exec-train"]
    assert executor["container"]["image"] == "registry/ml:1"
    assert version["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]
    assert server.objects.runs[run.id]["service_account"] == "trainer"
    for text in ("imagess: {}", "- a", "a: ["):
        path.write_text(text)
        with pytest.raises(ConfigError):
            run_request(config, platform=path)


def test_a_submission_of_a_name_is_one_run_and_of_none_a_new_one(config, kubeflow, server, capfd):
    request = run_request(config, experiment="poses")
    assert submission.submit(kubeflow, request, "one").id == (
        submission.submit(kubeflow, request, "one").id
    )
    names = {submission.submit(kubeflow, request).name for _ in range(3)}
    assert len(names) == 3 and all(n.startswith("poseline-chain-tqe 20") for n in names)
    assert "other settings" not in "".join(capfd.readouterr())
    assert submission.submit(kubeflow, run_request(config, "epochs=9", experiment="poses"), "one")
    assert "other settings" in "".join(capfd.readouterr())
    sent = next(iter(server.objects.runs.values()))["runtime_config"]["parameters"]
    assert sent == dict(request.parameters)


def test_a_sweep_that_kubeflow_would_lose_sight_of_is_told_before_it_is_sent(capfd):
    package = (ROOT / "pipelines/compiled/sweep.yaml").read_text()

    def swept(models):
        variants = [{"alpha": 0.35, "input_size": 192}] * models
        given = ["dataset=s3://b/set", f"variants={json.dumps(variants)}"]
        submission.run_request(package, None, settings=given)
        return "".join(capfd.readouterr())

    assert "MAX_WORKFLOW_SIZE" not in swept(1)
    told = swept(2)
    assert "MAX_WORKFLOW_SIZE" in told
    assert re.search(r"models_that_fit\W+1", told) and re.search(r"about_bytes\W+11\d{5}", told)


def test_a_schedule_of_an_order(config, kubeflow, server):
    assert submission.schedule(kubeflow, run_request(config), "0 3 * * 7") == "made"
    assert submission.schedule(kubeflow, run_request(config), "0 3 * * 7") == "unchanged"
    assert submission.schedule(kubeflow, run_request(config, "epochs=3"), "0 3 * * 7") == "changed"
    (one,) = server.objects.recurring.values()
    assert one["display_name"] == "poseline-chain-tqe"
    assert submission.unschedule(kubeflow, "poseline-chain-tqe", "another") == (0, 0)
    assert submission.unschedule(kubeflow, "poseline-chain-tqe") == (1, 0)
    assert submission.unschedule(kubeflow, "never-uploaded") == (0, 0)


def test_where_the_server_is(monkeypatch):
    with pytest.raises(ConfigError, match="port-forward"):
        submission.connect()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert submission.connect().api.host == "http://ml-pipeline.kubeflow:8888"
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "kfp.example:8080/pipeline")
    assert submission.connect().api.host == "http://kfp.example:8080/pipeline"
    assert submission.connect("https://other").api.host == "https://other"


def test_logs_are_found_by_the_name_of_a_pod(config, kubeflow, server):
    run = submission.submit(kubeflow, run_request(config), "one")
    states = {"train": "SUCCEEDED", "quantize": "FAILED"}
    server.objects.settle(run.id, {"state": "RUNNING", "tasks": states})
    run = kubeflow.run(run.id)
    assert list(logs.logs(kubeflow, run)) == []
    _, quantize = (task.pods[0] for task in run.tasks)
    server.objects.logs = {quantize: json.dumps({"level": "error"})}
    found = [(log.task, log.place, log.text) for log in logs.logs(kubeflow, run)]
    assert found == [("quantize", quantize, '{"level": "error"}')]
    assert [log.task for log in logs.logs(kubeflow, run, "quantize")] == ["quantize"]
    with pytest.raises(RefusedError, match="no task benchmark") as error:
        list(logs.logs(kubeflow, run, "benchmark"))
    assert "train, quantize" in error.value.remedy
    assert run.id in logs.command(run, None)
