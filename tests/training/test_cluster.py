"""TF_CONFIG."""

import json

import pytest

from poseline.data.share import Share
from poseline.errors import ConfigError
from poseline.training.cluster import Cluster


def environment(monkeypatch, cluster, type_="worker", index=0):
    task = {"type": type_, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    return Cluster.from_environment()


def test_it_says_which_worker_this_is_and_which_of_its_host(monkeypatch):
    workers = ["a:1", "b:1", "a:2", "[::1]:3"]
    found = [environment(monkeypatch, {"worker": workers}, index=i) for i in range(4)]
    assert [cluster.share for cluster in found] == [Share(i, 4) for i in range(4)]
    assert [cluster.here for cluster in found] == [
        Share(0, 2),
        Share(0, 1),
        Share(1, 2),
        Share(0, 1),
    ]


def test_a_chief_comes_before_the_workers(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    assert environment(monkeypatch, cluster, "chief").share == Share(0, 3)
    assert environment(monkeypatch, cluster, "worker", 1).share == Share(2, 3)


ALONE = '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'


@pytest.mark.parametrize("text", ["", "{}", ALONE])
def test_a_process_may_be_alone(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    assert Cluster.from_environment() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[1]", "an object"),
        ('{"task": {"type": "worker", "index": 0}}', "cluster"),
        (ALONE.replace('"a:1"', '"a:1", "b"'), "worker.1"),
        (ALONE.replace('"index": 0', '"index": 1'), "below 1"),
        (ALONE.replace('"index": 0', '"index": -1'), "index"),
        (ALONE.replace('"worker", ', '"ps", '), "type"),
        (ALONE.replace('["a:1"]', '["a:1"], "ps": ["b:1"]'), "cluster.ps"),
    ],
)
def test_what_tensorflow_does_not_read_is_refused(text, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=said) as refused:
        Cluster.from_environment()
    assert "unset TF_CONFIG" in str(refused.value)
