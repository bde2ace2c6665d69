"""Registration and promotion, in a real registry."""

import dataclasses
import threading

import pytest

from poseline.config.models.config import Config
from poseline.errors import BackendError
from poseline.models import movenet
from poseline.runner import promotion
from poseline.runner.promotion import Promoter
from poseline.stages import evaluate
from poseline.stages.gate import EvaluatedOn, Verdict
from poseline.store.manifest import Manifest
from poseline.tracking import open_tracker, registry
from poseline.tracking.registry import CHALLENGER, CHAMPION

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings(
        "ignore:The ``noload`` loader strategy is deprecated",
        "ignore::DeprecationWarning",
        "ignore::FutureWarning",
        "ignore::UserWarning",
    ),
]
TEST = EvaluatedOn("people", "settings", 8)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "mlruns")


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Model files of different content."""
    from poseline.config.models.training import Model

    folder = tmp_path_factory.mktemp("models")
    kind = Model(alpha=0.35, input_shape=(64, 64, 3), pretrained_weights=None)
    found = []
    for number in range(3):
        model = movenet.build(kind, 17)
        found.append(folder / f"model{number}.keras")
        model.save(found[-1])
    return found


@pytest.fixture
def judge(tiny, uri, tmp_path, monkeypatch):
    """Promote a model of a given OKS, as a chain of its own does."""
    monkeypatch.setattr(promotion, "_SETTLE_S", 0.05)
    config = Config.model_validate(tiny.model_dump(mode="json") | {"gate": {}})
    count = 0

    def run(model, oks, *, test=TEST, where=uri, chain=None, inputs=None, patience=250):
        nonlocal count
        count += 1
        chain = chain or f"chain{count}"
        box = tmp_path / f"box{count}"
        with (
            open_tracker(where, "people", box, chain_id=chain, patience=patience) as tracker,
            tracker.stage("gate") as stage,
        ):
            promoter = Promoter(config, tracker, stage)
            return promoter(Verdict((), oks, test), {"model": model, **(inputs or {})})

    return run


def alias(uri, name):
    found = registry.by_alias(uri, "tiny", name)
    return found.version if found else None


def test_the_first_is_champion_and_the_better_one_follows(judge, files, uri):
    first = judge(files[0], 0.70)
    assert (first.version, first.promoted, first.champion) == ("1", True, None)
    assert alias(uri, CHAMPION) == alias(uri, CHALLENGER) == "1"
    worse = judge(files[1], 0.69)
    assert (worse.version, worse.promoted) == ("2", False)
    assert "OKS 0.6900 against 0.7000 of version 1 (recorded) is not better" in worse.why
    assert (alias(uri, CHAMPION), alias(uri, CHALLENGER)) == ("1", "2")
    better = judge(files[2], 0.71)
    assert (better.version, better.promoted, better.champion) == ("3", True, "1")
    assert alias(uri, CHAMPION) == "3"
    tags = {version.version: version.tags for version in registry.versions(uri, "tiny")}
    assert tags["2"]["poseline.oks"] == "0.69"
    assert tags["2"]["poseline.chain_id"] == "chain2"


@pytest.mark.slow
def test_a_repetition_changes_nothing(judge, files, uri):
    for _ in range(2):  # of the same chain, and by a chain whose training was cached
        judge(files[0], 0.70, chain="same")
    judge(files[0], 0.70, chain="cached")
    assert [version.version for version in registry.versions(uri, "tiny")] == ["1"]
    judge(files[1], 0.71)
    again = judge(files[0], 0.70, chain="same")
    assert (again.version, again.promoted) == ("1", False)
    assert alias(uri, CHAMPION) == "2"


@pytest.mark.slow
def test_a_champion_of_another_test_set_is_evaluated_on_this_one(
    judge, files, uri, tiny, yolo, tmp_path
):
    judge(files[0], 0.99, test=EvaluatedOn("easy pictures", "settings", 3))
    theirs = evaluate.run(tiny, {"model": files[0], "test": yolo / "val"}, tmp_path / "evaluation")
    manifest = Manifest.read(theirs.out)
    here = EvaluatedOn(manifest.inputs["test"], manifest.config_hash, 8)
    inputs = {"test": yolo / "val"}
    worse = judge(files[1], theirs.metrics["oks"], test=here, inputs=inputs)
    assert not worse.promoted
    assert "evaluated anew on this test set" in worse.why
    assert worse.champion_oks == theirs.metrics["oks"]
    better = judge(files[2], theirs.metrics["oks"] + 1e-6, test=here, inputs=inputs)
    assert better.promoted
    assert alias(uri, CHAMPION) == better.version


@pytest.mark.slow
def test_what_was_not_evaluated_stays_a_challenger(judge, files, uri):
    found = judge(files[0], None, test=None)
    assert (found.promoted, alias(uri, CHAMPION), alias(uri, CHALLENGER)) == (False, None, "1")


@pytest.mark.slow
def test_a_champion_that_is_no_model_of_ours_is_left_alone(judge, files, uri, tmp_path):
    judge(files[0], 0.5)
    champion = registry.by_alias(uri, "tiny", CHAMPION)
    for path in (tmp_path / "mlruns" / "artifacts").rglob("*.keras"):
        path.rename(path.with_suffix(".pt"))
    found = judge(files[1], 0.9, test=EvaluatedOn("another", "settings", 8))
    assert (found.promoted, alias(uri, CHAMPION)) == (False, champion.version)
    assert "cannot be evaluated: models:/tiny/1 holds no model file" in found.why


@pytest.mark.slow
def test_an_old_claim_does_not_bring_back_who_was_removed(judge, files, uri, monkeypatch):
    judge(files[0], 0.50)
    judge(files[1], 0.90)
    first, second = sorted(registry.versions(uri, "tiny"), key=lambda v: v.version)
    registry.promote(uri, first)  # somebody found the second one out
    registry.tag(uri, second, {"poseline.claimed_at": "1000"})
    found = judge(files[2], 0.60)
    assert found.promoted
    assert alias(uri, CHAMPION) == found.version == "3"


def test_a_registry_that_is_away_is_told(judge, files):
    with pytest.raises(BackendError, match="did not take the model within 1 s"):
        judge(files[0], 0.5, where="http://127.0.0.1:9", patience=1)


@pytest.mark.slow
def test_runs_that_end_together_leave_the_best_one(server, judge, files, tmp_path, monkeypatch):
    """All read the same champion before any of them takes its place."""
    server.start()
    judge(files[0], 0.50, where=server.uri)
    together, read = threading.Barrier(2), registry.by_alias
    waited = threading.local()

    def by_alias(uri, name, alias=CHAMPION):
        found = read(uri, name, alias)
        if not getattr(waited, "done", False):
            waited.count = getattr(waited, "count", 0) + 1
            if waited.count == 2:  # the last look before an alias is set
                waited.done = True
                together.wait(120)
        return found

    monkeypatch.setattr(registry, "by_alias", by_alias)
    results = {}

    def end(number, oks):
        results[oks] = judge(files[number], oks, where=server.uri)

    threads = [
        threading.Thread(target=end, args=(number, oks)) for number, oks in ((1, 0.72), (2, 0.70))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    champion = registry.by_alias(server.uri, "tiny")
    assert champion.tags["poseline.oks"] == "0.72"
    assert (results[0.72].promoted, results[0.70].promoted) == (True, False)
    assert dataclasses.asdict(results[0.70])["champion"] in (champion.version, "1")
