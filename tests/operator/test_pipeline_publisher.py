import threading

import pytest

from poseline.kubeflow.errors import UnreachableError
from poseline.kubeflow.package import version_name
from poseline.kubeflow.platform import Platform
from poseline.operator import pipeline_publisher

PACKAGE = """\
deploymentSpec: {executors: {}}
pipelineInfo: {name: poseline-NAME}
root: {dag: {tasks: {}}}
"""


class Runs:
    """Takes packages, but for the first so many times."""

    def __init__(self, refusals):
        self.taken, self._refusals = [], refusals

    def prepare(self, package):
        if self._refusals:
            self._refusals -= 1
            raise UnreachableError("Kubeflow does not answer")
        self.taken.append(package)
        return type("Version", (), {"name": version_name(package)})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_publisher, "_FIRST_WAIT_S", 0.001)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(PACKAGE.replace("NAME", name))
    return tmp_path


@pytest.mark.parametrize("refusals", [0, 1, 5])
def test_every_pipeline_gets_there_once(folder, refusals):
    runs = Runs(refusals)
    pipeline_publisher.publish(runs, Platform(), folder, threading.Event())
    assert len(runs.taken) == len(set(runs.taken)) == 2


def test_it_stops_when_it_is_told(folder):
    end = threading.Event()
    end.set()
    pipeline_publisher.publish(Runs(refusals=10**9), Platform(), folder, end)
