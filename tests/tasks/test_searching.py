"""Two workers of a search on one database; what a trial trains is written in milliseconds."""

import threading

import optuna
import pytest
import yaml
from sqlalchemy.pool import NullPool
from support.postgres import postgres  # noqa: F401  a fixture
from support.run_directories import run_directory

from poseline.config.loading import load
from poseline.errors import ConfigError
from poseline.names import FLASH_KB, LATENCY_MS_ESTIMATE, RAM_KB, SEARCH_STORAGE
from poseline.report import comparison
from poseline.runner.chain import Experiment
from poseline.search import candidates, search
from poseline.search.budget import Budget
from poseline.stages.result import StageResult
from poseline.tasks import searching

CONFIG = """
general: {project_name: wanted}
dataset: {keypoints: 17}
training:
  model: {alpha: 0.35, input_shape: [64, 64, 3], pretrained_weights: null}
  batch_size: 8
  epochs: 4
  optimizer: {Adam: {learning_rate: 0.001}}
quantization: {}
benchmarking: {board: NUCLEO-G474RE, backends: [estimate]}
search:
  space: {training.model.alpha: {low: 0.2, high: 1.0, step: 0.05}}
  limits: {board_fit: true}
  trials: 6
"""


@pytest.fixture
def trained(monkeypatch):
    """The configs of the chains that were run."""
    made = []

    def run_chain(config, on_start=None, *, on_epoch=None):
        folder, alpha = candidates.Path(config.hydra.run.dir), config.training.model.alpha
        made.append(config)
        if not folder.exists():
            run_directory(folder, oks=alpha, latency=100 * alpha)
        figures = {LATENCY_MS_ESTIMATE: 100 * alpha, FLASH_KB: 300.0, RAM_KB: 90.0}
        results = {
            "evaluate-int8": StageResult("evaluate", folder, metrics={"oks": alpha}),
            "benchmark": StageResult("benchmark", folder, metrics=figures),
        }
        return Experiment(folder, config, results)

    for module in (candidates, search):
        monkeypatch.setattr(module, "run_chain", run_chain)
    monkeypatch.setattr(comparison, "draw", lambda _, out: out.write_bytes(b""))
    monkeypatch.setattr(Budget, "refusal", lambda _, c: "wide" * (c.training.model.alpha > 0.8))
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def storage(request, tmp_path, monkeypatch):
    """URL of an empty database; that of a PostgreSQL server where there is one."""
    url = f"sqlite:///{tmp_path}/search.db"
    if request.param == "postgresql":
        url = emptied(request.getfixturevalue("postgres"))
    monkeypatch.setenv(SEARCH_STORAGE, url)
    return url


def emptied(server):
    import psycopg

    connection = psycopg.connect(f"{server}/postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS searches WITH (FORCE)")
        cursor.execute("CREATE DATABASE searches")
    connection.close()
    return f"{server}/searches"


@pytest.fixture
def people(tmp_path):
    """A set in YOLO Darknet format."""
    folder = tmp_path / "people" / "train"
    folder.mkdir(parents=True)
    for name in ("a.jpg", "a.txt"):
        (folder / name).touch()
    return str(folder.parent)


@pytest.fixture
def asked(tmp_path, people):
    return told(CONFIG, people, tmp_path)


def told(text, people, tmp_path):
    """What two workers are told."""
    plan = searching.plan(text, {"dataset": people}, 2)
    return searching.orders(plan.config, 2, {}, f"{tmp_path}/trials")


def searched(asked, tmp_path):
    workers = [
        threading.Thread(target=searching.work, args=(order, tmp_path / f"worker-{order.worker}"))
        for order in asked
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)


def test_two_workers_find_what_the_last_task_compares(trained, storage, asked, tmp_path):
    searched(asked, tmp_path)
    assert len(trained) == 6, "no trial is made twice, and none too many"
    assert all(config.gate is None for config in trained)
    assert all(config.training.model.alpha <= 0.8 for config in trained)
    found = searching.result(asked[0], tmp_path / "end")
    assert sorted(one["state"] for one in found.trials if one["state"] != "refused") == [
        *["finished"] * 6
    ]
    best = max(config.training.model.alpha for config in trained[:6])
    assert trained[6].training.model.alpha == best
    assert trained[6].gate.board_fit
    assert found.best.folder.parent == tmp_path / "end/trials"
    assert len(list((tmp_path / "end/trials").iterdir())) == 6
    page = (tmp_path / "end/comparison/compare.html").read_text()
    assert f"alpha {best:.4g}" in page


def test_a_search_goes_on_in_the_next_run(trained, storage, people, tmp_path):
    def orders(trials):
        return told(CONFIG.replace("trials: 6", f"trials: {trials}"), people, tmp_path)

    searched(orders(2), tmp_path / "first")
    searched(orders(5), tmp_path / "second")
    assert len(trained) == 5
    assert len(searching.result(orders(5)[0], tmp_path / "end").groups[0].rows) == 5


def test_the_trial_of_a_worker_that_died_is_made_up_for(trained, storage, asked, tmp_path):
    searched(asked[:1], tmp_path)
    opened = optuna.storages.RDBStorage(storage, engine_kwargs={"poolclass": NullPool})
    study = optuna.load_study(study_name="wanted", storage=opened)
    dead = study.ask()  # by a worker whose heart has stopped
    backend = study._storage._backend
    backend.record_heartbeat(dead._trial_id)
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    more = asked[0].model_copy(update={"config": asked[0].config.replace("trials: 6", "trials: 7")})
    searching.work(more, tmp_path / "again")
    assert len(trained) == 7
    assert [t.state.name for t in study.get_trials() if t.number == dead.number] == ["FAIL"]


@pytest.mark.parametrize(
    ("change", "workers", "said"),
    [
        ("", 0, "1 to 256"),
        ("", 257, "1 to 256"),
        (
            "search: {storage: 'sqlite:///x.db', space: {training.epochs: {low: 1, high: 2}}}",
            2,
            "search.secretName",
        ),
        ("search: {space: {training.model.alfa: {low: 1, high: 2}}}", 2, "training.model.alfa"),
        ("search: null", 2, "search.space"),
    ],
)
def test_what_cannot_be_searched_is_told_before_any_worker(people, tmp_path, change, workers, said):
    text = yaml.safe_dump(yaml.safe_load(CONFIG) | (yaml.safe_load(change) or {} if change else {}))
    with pytest.raises(ConfigError) as error:
        searching.plan(text, {"dataset": people}, workers)
    assert said in str(error.value)


def test_a_set_to_convert_is_converted_once_for_all(people, tmp_path):
    (coco := tmp_path / "coco/annotations").mkdir(parents=True)
    (coco / "person_keypoints_train2017.json").write_text("{}")
    plan = searching.plan(CONFIG, {"dataset": str(coco.parent)}, 3)
    assert plan.resolved.data["source"] == str(coco.parent)
    assert plan.resolved.slices["convert"]["conversion"]["path"]
    sets = {"training": "s3://b/train", "validation": "s3://b/val", "weights": "w.h5"}
    asked = searching.orders(plan.config, 3, sets, "s3://b/trials")
    told = [load.parse(order.config, [], mode="chain_tqeb") for order in asked]
    assert [order.worker for order in asked] == [1, 2, 3]
    assert {one.dataset.training_path for one in told} == {"s3://b/train"}
    assert {one.dataset.validation_path for one in told} == {"s3://b/val"}
    assert {one.conversion for one in told} == {None}


def test_without_a_storage_a_worker_says_what_is_missing(asked, tmp_path, monkeypatch):
    monkeypatch.delenv(SEARCH_STORAGE, raising=False)
    with pytest.raises(ConfigError, match=r"platform\.search\.secretName"):
        searching.work(asked[0], tmp_path / "worker")


def test_the_storage_is_in_no_order(storage, asked):
    assert storage not in asked[0].text()
