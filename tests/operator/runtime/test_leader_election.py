import copy
import threading

import pytest

from poseline.api_server import ConflictError
from poseline.errors import BackendError
from poseline.operator.api.kinds import LEASE
from poseline.operator.runtime.leader_election import Election, Watch


class Store:
    """A Lease as the API server keeps it."""

    def __init__(self):
        self.body, self.version, self.up = None, 0, True

    def lease(self, namespace, name):
        assert (namespace, name) == ("here", LEASE)
        if not self.up:
            raise BackendError("no answer")
        return copy.deepcopy(self.body)

    def write_lease(self, body):
        if not self.up:
            raise BackendError("no answer")
        read = body["metadata"].get("resourceVersion")
        if read != (self.body and self.body["metadata"]["resourceVersion"]):
            raise ConflictError("changed")
        self.version += 1
        self.body = copy.deepcopy(body)
        self.body["metadata"]["resourceVersion"] = str(self.version)


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def store():
    return Store()


def replica(store, name, clock):
    return Election(store, "here", name, 10, lambda: None, clock)


def test_one_leads_and_the_other_waits(store):
    clock = Clock()
    first, second = replica(store, "a", clock), replica(store, "b", clock)
    first.turn()
    second.turn()
    assert first.leads()
    assert not second.leads()
    for _ in range(20):
        clock.now += 2
        first.turn()
        second.turn()
        assert first.leads()
        assert not second.leads()
    assert store.body["spec"]["leaseTransitions"] == 1


def test_never_two_lead_whatever_the_clocks_show(store):
    """The first stops renewing; the second, with a clock of its own, takes over after it ended."""
    ours, theirs = Clock(1000.0), Clock(-5.0)
    first, second = replica(store, "a", ours), replica(store, "b", theirs)
    first.turn()
    second.turn()
    taken = None
    for second_passed in range(1, 30):
        ours.now += 1
        theirs.now += 1
        second.turn()
        assert not (first.leads() and second.leads())
        if second.leads() and taken is None:
            taken = second_passed
    assert taken == 11
    assert store.body["spec"]["holderIdentity"] == "b"


def test_of_two_that_take_it_at_once_one_does(store):
    clock = Clock()
    first, second = replica(store, "a", clock), replica(store, "b", clock)
    read = store.lease
    store.lease = lambda *place: None  # both see that there is none
    first.turn()
    second.turn()
    store.lease = read
    assert [first.leads(), second.leads()] == [True, False]


def test_who_cannot_renew_leads_no_more_before_another_may(store):
    clock = Clock()
    first = replica(store, "a", clock)
    first.turn()
    store.up = False
    clock.now = 6.9
    first.turn()
    assert first.leads()
    clock.now = 7.1
    assert not first.leads()


def test_a_lease_that_was_given_up_is_taken_at_once(store):
    clock = Clock()
    first, second = replica(store, "a", clock), replica(store, "b", clock)
    first.start()
    assert first.elected.wait(5)
    first.close()
    assert store.body["spec"]["holderIdentity"] == ""
    second.turn()
    assert second.leads()


def test_a_loss_is_told():
    lost, store = threading.Event(), Store()
    election = Election(store, "here", "a", 0.5, lost.set)
    election.start()
    assert election.elected.wait(5)
    store.up = False
    assert lost.wait(5)
    assert not election.leads()


def test_the_holders_own_promise_counts():
    lease = {
        "metadata": {"resourceVersion": "1"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 60},
    }
    watch = Watch()
    assert watch.step(lease, "b", 10, 0) == "wait"
    assert watch.step(lease, "b", 10, 59) == "wait"
    assert watch.step(lease, "b", 10, 61) == "take"


def test_a_replica_that_waits_sees_the_lease_until_the_api_server_is_gone(store):
    clock = Clock()
    leader, other = replica(store, "a", clock), replica(store, "b", clock)
    assert not other.sees()
    leader.turn()
    other.turn()
    assert other.sees()
    assert not other.leads()
    store.up = False
    clock.now += 11
    other.turn()
    assert not other.sees()
