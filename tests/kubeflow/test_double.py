"""KFP's own client works on the double, and its models know everything that the double says."""

import json

import kfp_server_api
import pytest
from support.kfp_double.package import PACKAGE
from support.kfp_double.server import serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def kfp_client(server, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))  # it writes there
    from kfp.client import Client

    return Client(host=server.url)


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "chain.yaml"
    path.write_text(PACKAGE)
    return str(path)


def test_kfp_uploads_runs_and_ends(kfp_client, package, server):
    pipeline = kfp_client.upload_pipeline(package, "chain", description="words")
    version = kfp_client.upload_pipeline_version(package, "v2", pipeline_id=pipeline.pipeline_id)
    assert kfp_client.get_pipeline_id("chain") == pipeline.pipeline_id
    listed = kfp_client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    assert {one.display_name for one in listed} == {"chain", "v2"}
    experiment = kfp_client.create_experiment("poses")
    run = kfp_client.run_pipeline(
        experiment.experiment_id,
        "first",
        pipeline_id=pipeline.pipeline_id,
        version_id=version.pipeline_version_id,
        params={"epochs": 3},
    )
    assert kfp_client.get_run(run.run_id).state == "PENDING"
    kfp_client.terminate_run(run.run_id)
    assert kfp_client.get_run(run.run_id).state == "CANCELING"
    server.objects.settle(run.run_id, {"state": "FAILED"})
    done = kfp_client.wait_for_run_completion(run.run_id, timeout=5, sleep_duration=0)
    assert done.state == "FAILED" and done.finished_at.year > 1970
    with pytest.raises(kfp_server_api.ApiException) as refused:
        kfp_client.terminate_run(run.run_id)
    assert refused.value.status == 400


def test_kfp_waits_for_a_run_that_progresses(package, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    from kfp.client import Client

    with serving(pace=0.15) as server:
        kfp_client = Client(host=server.url)
        run = kfp_client.create_run_from_pipeline_package(package, experiment_name="poses")
        done = kfp_client.wait_for_run_completion(run.run_id, timeout=20, sleep_duration=0.1)
        assert done.state == "SUCCEEDED"
        names = {task.display_name for task in done.run_details.task_details}
        assert {"root", "root-driver", "train-driver", "train", "executor", "quantize"} <= names


def test_kfp_schedules(kfp_client, package):
    pipeline = kfp_client.upload_pipeline(package, "chain")
    experiment = kfp_client.create_experiment("poses")
    versions = kfp_client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    made = kfp_client.create_recurring_run(
        experiment.experiment_id,
        "nightly",
        cron_expression="0 0 3 * * *",
        no_catchup=True,
        pipeline_id=pipeline.pipeline_id,
        version_id=versions[0].pipeline_version_id,
    )
    one = kfp_client.get_recurring_run(made.recurring_run_id)
    assert (one.status, one.max_concurrency, one.no_catchup) == ("ENABLED", "1", True)
    kfp_client.disable_recurring_run(made.recurring_run_id)
    listed = kfp_client.list_recurring_runs(experiment_id=experiment.experiment_id)
    assert [(r.display_name, r.status) for r in listed.recurring_runs] == [("nightly", "DISABLED")]
    kfp_client.delete_recurring_run(made.recurring_run_id)
    assert not kfp_client.list_recurring_runs().recurring_runs


def test_kfp_pages_sorts_and_filters(kfp_client):
    for number in range(25):
        kfp_client.create_experiment(f"e{number:02}")
    names, token = [], ""
    while True:
        page = kfp_client.list_experiments(
            page_size=10, page_token=token, sort_by="display_name desc"
        )
        names += [one.display_name for one in page.experiments]
        token = page.next_page_token
        if not token:
            break
    assert names == [*(f"e{number:02}" for number in range(24, -1, -1)), "Default"]
    wanted = json.dumps(
        {"predicates": [{"operation": "IS_SUBSTRING", "key": "display_name", "stringValue": "e1"}]}
    )
    assert len(kfp_client.list_experiments(filter=wanted, page_size=50).experiments) == 10
    with pytest.raises(kfp_server_api.ApiException) as refused:
        kfp_client.list_experiments(sort_by="colour")
    assert refused.value.status == 400 and json.loads(refused.value.body)["code"] == 3


def test_errors_have_the_shape_of_the_gateway(kfp_client, package):
    with pytest.raises(kfp_server_api.ApiException) as missing:
        kfp_client.get_run("nobody")
    body = json.loads(missing.value.body)
    assert missing.value.status == 404 and body["code"] == 5
    assert body["details"][0]["message"] == "Run nobody not found"
    kfp_client.upload_pipeline(package, "chain")
    with pytest.raises(kfp_server_api.ApiException) as conflict:
        kfp_client.upload_pipeline(package, "chain")
    assert conflict.value.status == 409 and "error_message" in json.loads(conflict.value.body)


MODELS = {
    "runs": (kfp_server_api.V2beta1Run, "run"),
    "experiments": (kfp_server_api.V2beta1Experiment, "experiment"),
    "pipelines": (kfp_server_api.V2beta1Pipeline, "pipeline"),
    "recurringruns": (kfp_server_api.V2beta1RecurringRun, "recurring_run"),
}


@pytest.mark.parametrize("path", MODELS)
def test_kfp_models_know_every_field(path, kubeflow, server):
    from support.kfp_double.facts import FIELDS

    from poseline.kubeflow import schedules

    version = kubeflow.pipeline_version("chain", PACKAGE)
    run = kubeflow.submit("one", version, {"epochs": 1}, "poses")
    server.objects.settle(run.id, {"state": "RUNNING", "tasks": {"train": "RUNNING"}})
    schedules.apply(kubeflow, schedules.Schedule("nightly", "0 3 * * *", version))
    model, name = MODELS[path]
    assert FIELDS[name] == set(model.attribute_map.values())
    answer = kubeflow.api.get(f"/{path}")
    (items,) = (value for value in answer.values() if isinstance(value, list))
    assert items
    for item in items:
        _known(item, model.openapi_types)


def _known(item, types):
    assert set(item) <= set(types)
    for key, value in item.items():
        kind = types[key].removeprefix("list[").removesuffix("]")
        inner = getattr(kfp_server_api, kind, None)
        for one in value if isinstance(value, list) else [value]:
            if inner and isinstance(one, dict):
                _known(one, inner.openapi_types)
