from datetime import UTC, datetime, timedelta

import pytest
from kubernetes import client
from support.api_server import ApiServer

from poseline.operator import timestamps


class Clock:
    """The operator's time, which passes when a test says so."""

    def __init__(self):
        self.moment = datetime.now(UTC)

    def __call__(self):
        return self.moment

    def tick(self, seconds=0, **more):
        self.moment += timedelta(seconds=seconds, **more)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(timestamps, "now", made)
    return made


@pytest.fixture
def api(clock, monkeypatch):
    """The API server that a `Cluster` made from here on calls."""
    made = ApiServer(clock)
    monkeypatch.setattr(client, "CustomObjectsApi", lambda connection: made)
    monkeypatch.setattr(client, "EventsV1Api", lambda connection: made)
    return made
