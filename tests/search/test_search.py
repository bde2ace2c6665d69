"""Searches with Optuna's real studies; what a trial trains is written in milliseconds."""

import json
import math
from pathlib import Path

import optuna
import pytest
from support.own_sets import cvat, yolo_pose
from support.run_directories import run_directory

from poseline.cli.app import main
from poseline.config.loading import load
from poseline.errors import ConfigError, DataError, StoreError
from poseline.names import FLASH_KB, LATENCY_MS_ESTIMATE, RAM_KB
from poseline.report import comparison
from poseline.runner.chain import Experiment
from poseline.search import budget, candidates, search, space, study
from poseline.search.budget import Budget
from poseline.stages.result import StageResult

CONFIG = """
general: {project_name: wanted}
operation_mode: chain_tqeb
dataset: {keypoints: 17, training_path: people}
training:
  model: {alpha: 0.35, input_shape: [64, 64, 3], pretrained_weights: null}
  batch_size: 8
  epochs: 4
  optimizer: {Adam: {learning_rate: 0.001}}
quantization: {}
benchmarking: {board: NUCLEO-G474RE, backends: [estimate]}
gate: {min_oks: 0.1}
search:
  space:
    training.model.alpha: {low: 0.2, high: 1.0, step: 0.05}
    training.model.input_shape: {choices: [[64, 64, 3], "(96, 96, 3)"]}
    training.optimizer.Adam.learning_rate: {low: 1e-4, high: 1e-2, log: true}
    training.batch_size: {low: 4, high: 16, step: 4}
  trials: 6
  seed: 3
"""


class Chains:
    """Stands for `run_chain`: notes what it is given; wide models learn well and are slow."""

    def __init__(self):
        self.configs, self.stop_at, self.fail = [], None, None

    def __call__(self, config, on_start=None, *, on_epoch=None):
        folder, model = Path(config.hydra.run.dir), config.training.model
        self.configs.append(config)
        oks = model.alpha * (1 - abs(math.log10(learning_rate(config)) + 3) / 4)
        if self.fail:
            raise self.fail
        for epoch in range(config.training.epochs):
            if len(self.configs) == self.stop_at and epoch == 2:
                raise KeyboardInterrupt
            if on_epoch:
                on_epoch(epoch, {"val_oks": oks * (epoch + 1) / config.training.epochs})
        if not folder.exists():
            run_directory(folder, oks=oks, latency=100 * model.alpha)
        figures = {LATENCY_MS_ESTIMATE: 100 * model.alpha, FLASH_KB: 300.0, RAM_KB: 90.0}
        return Experiment(
            folder,
            config,
            {
                "evaluate-int8": StageResult("evaluate", folder, metrics={"oks": oks}),
                "benchmark": StageResult("benchmark", folder, metrics=figures),
            },
        )


def learning_rate(config):
    return config.training.optimizer["Adam"]["learning_rate"]


@pytest.fixture
def chains(monkeypatch):
    made = Chains()
    for module in (candidates, search):
        monkeypatch.setattr(module, "run_chain", made)
    monkeypatch.setattr(comparison, "draw", lambda _, out: out.write_bytes(b""))
    monkeypatch.setattr(Budget, "refusal", lambda *_: "")
    return made


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def found(config, tmp_path, *overrides):
    return search.search(config, [f"hydra.run.dir={tmp_path / 'searched'}", *overrides])


def test_the_best_is_found_compared_and_run_to_its_gate(chains, config, tmp_path):
    result = found(config, tmp_path)
    states = [one["state"] for one in result.trials]
    assert len(states) == 6
    finished = [one for one in result.trials if one["state"] == "finished"]
    best = max(finished, key=lambda one: one["figures"]["oks"])
    assert result.best.folder == tmp_path / "searched/trials" / f"{best['number']:04d}"
    assert [c.gate is not None for c in chains.configs] == [False] * 6 + [True]
    assert {tuple(c.training.model.input_shape) for c in chains.configs} <= {
        (64, 64, 3),
        (96, 96, 3),
    }
    assert all(c.training.batch_size in (4, 8, 12, 16) for c in chains.configs)
    assert json.loads((tmp_path / "searched/search.json").read_text()) == result.trials
    page = (tmp_path / "searched/comparison/compare.html").read_text()
    assert f"{best['number']}: alpha" in page
    assert (tmp_path / "searched/comparison/compare.png").is_file()


def test_the_configs_own_values_are_tried_first(chains, config, tmp_path):
    own = {
        "training.model.alpha": 0.35,
        "training.model.input_shape": [64, 64, 3],
        "training.optimizer.Adam.learning_rate": 0.001,
        "training.batch_size": 8,
    }
    assert found(config, tmp_path).trials[0]["values"] == own
    found(config, tmp_path)
    values = [one["values"] for one in found(config, tmp_path).trials]
    assert values.count(own) == 1


@pytest.mark.parametrize(
    "change", ["training.batch_size=6", "training.model.alpha=0.1", "training.model.alpha=0.33"]
)
def test_values_that_are_not_in_the_space_are_not_tried_first(config, tmp_path, change):
    read = load.load(config, [change])
    assert space.own(read, read.search.space) is None


def test_the_same_seed_finds_the_same(chains, config, tmp_path):
    values = [
        [one["values"] for one in found(config, tmp_path / name).trials] for name in ("a", "b")
    ]
    assert values[0] == values[1]


def test_workers_of_one_seed_try_candidates_of_their_own(chains, config, tmp_path):
    drawn = []
    for worker in range(2):
        settings = load.load(config, []).search
        studies = study.Studies(settings, "wanted", tmp_path, worker)
        drawn.append([space.suggest(studies.ask(), settings.space) for _ in range(3)])
    assert all(one not in drawn[1] for one in drawn[0])


class CountedError(Exception):
    """Carries the keypoints that the head of a candidate is estimated with."""


@pytest.mark.parametrize("make", [cvat, yolo_pose])
def test_a_candidate_is_estimated_with_the_keypoints_of_its_set(make, tmp_path, monkeypatch):
    def untrained(model, keypoints, wanted):
        raise CountedError(keypoints)

    monkeypatch.setattr(budget, "_untrained", untrained)
    source = make(tmp_path / "arrows")
    text = CONFIG.replace(
        "dataset: {keypoints: 17, training_path: people}", f"conversion: {{path: {source}}}"
    )
    with pytest.raises(CountedError, match="7"):
        Budget().refusal(load.parse(text))


def test_a_candidate_over_the_budget_is_not_trained(chains, config, tmp_path, monkeypatch):
    def refusal(_, asked):
        return "too wide" if asked.training.model.alpha > 0.5 else ""

    monkeypatch.setattr(Budget, "refusal", refusal)
    result = found(config, tmp_path)
    refused = [one for one in result.trials if one["state"] == "refused"]
    assert refused
    assert {one["reason"] for one in refused} == {"too wide"}
    trained = [one for one in result.trials if one["state"] in ("finished", "pruned")]
    assert len(trained) == 6
    assert all(c.training.model.alpha <= 0.5 for c in chains.configs)


def test_where_nothing_fits_the_search_ends_and_says_why(chains, config, tmp_path, monkeypatch):
    monkeypatch.setattr(Budget, "refusal", lambda *_: "flash: needs 900 KB")
    monkeypatch.setattr(candidates, "_MOST_REFUSED", 5)
    with pytest.raises(DataError, match="none of 5 trials was finished: flash: needs 900 KB"):
        found(config, tmp_path)
    assert chains.configs == []


def test_poor_trainings_are_pruned(chains, config, tmp_path):
    result = found(config, tmp_path, "search.trials=20", "search.objectives=[oks]")
    states = [one["state"] for one in result.trials]
    assert states.count("pruned") >= 3
    assert states.count("finished") >= 3
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "searched/search.journal"))
    )
    learning = optuna.load_study(study_name="wanted: val_oks", storage=storage)
    cut = [one for one in learning.trials if one.state.name == "PRUNED"]
    assert len(cut) == states.count("pruned")
    assert all(len(one.intermediate_values) < 4 for one in cut)


def test_an_interrupted_search_goes_on(chains, config, tmp_path):
    chains.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        found(config, tmp_path)
    cut = chains.configs[-1]
    result = found(config, tmp_path)
    assert len(result.trials) == 6
    assert chains.configs[3] == cut  # the trial that was in training comes first, where it was
    assert [one["number"] for one in result.trials] == list(range(6))
    again = found(config, tmp_path)  # nothing is left to do but the best
    assert again.trials == result.trials


def test_another_space_is_another_search(chains, config, tmp_path):
    found(config, tmp_path)
    with pytest.raises(StoreError, match="another space or other objectives"):
        found(config, tmp_path, "search.space.training\\.batch_size.high=32")


def test_trials_that_fail_in_a_row_end_the_search(chains, config, tmp_path):
    chains.fail = DataError("the set is empty")
    with pytest.raises(DataError, match="the set is empty"):
        found(config, tmp_path)
    assert len(chains.configs) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("search.space={training.model.alfa: {low: 1, high: 2}}", "training.model.alfa"),
        ("search.space={training.model.alpha: {low: 0.01, high: 2}}", "training.model.alpha"),
        ("search.space={hydra.run.dir: {choices: [a, b]}}", "may differ between trials"),
        ("search.space={training.model.alpha: {low: 1}}", "either `choices`"),
        ("search.space={training.model.alpha: {low: 2, high: 1}}", "`low` below `high`"),
        ("search.space={training.model.alpha: {low: 0, high: 1, log: true}}", "above 0"),
        ("search.objectives=[latency_ms]", "`oks` among"),
        ("search.trials=0", "greater than or equal to 1"),
        ("benchmarking.backends=[host]", "estimate"),
        ("~search", "search.space: found nothing"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_runs(chains, config, change, said):
    with pytest.raises(ConfigError) as error:
        space.base(config, [change])
    assert said in str(error.value)
    assert chains.configs == []


def test_the_command_shows_what_was_found(chains, config, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["search", str(config), f"hydra.run.dir={tmp_path / 'searched'}", "search.trials=2"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "2 finished" in said
    assert "compare.html" in said
