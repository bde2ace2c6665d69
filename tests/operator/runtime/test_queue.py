import threading
import time

from poseline.errors import BackendError
from poseline.operator.runtime.queue import Key, Queue
from poseline.operator.runtime.workers import Workers

A, B = Key("Pose", "team", "a"), Key("Pose", "team", "b")


def test_a_key_waits_once_and_the_earlier_time_counts():
    now = [0.0]
    queue = Queue(lambda: now[0])
    queue.add(A, 10)
    queue.add(B, 5)
    queue.add(A, 1)
    queue.add(A, 20)
    assert len(queue) == 2
    now[0] = 6
    assert [queue.get(), queue.get()] == [A, B]
    assert len(queue) == 0


def test_a_key_is_never_looked_at_twice_at_the_same_time():
    queue = Queue()
    queue.add(A)
    assert queue.get() == A
    queue.add(A)
    queue.add(B, 0.05)
    assert queue.get() == B
    queue.done(A)
    assert queue.get() == A


def test_each_failure_waits_longer_and_a_success_forgets():
    now = [0.0]
    queue = Queue(lambda: now[0])
    pauses = []
    queue.add(A)
    for _ in range(12):
        queue.get()
        pauses.append(queue.failed(A))
        now[0] += 100
    queue.get()
    assert pauses[0] <= 0.5
    assert 30 <= pauses[-1] <= 60
    queue.done(A)
    queue.add(A)
    queue.get()
    assert queue.failed(A) <= 0.5


def test_closing_ends_whoever_waits():
    queue = Queue()
    got = []
    thread = threading.Thread(target=lambda: got.append(queue.get()))
    thread.start()
    queue.close()
    thread.join(5)
    assert got == [None]


def test_a_broken_look_delays_itself_alone():
    seen, queue = [], Queue()
    done = threading.Event()

    def reconcile(namespace, name):
        seen.append(name)
        if name == "a" and seen.count("a") == 1:
            raise ValueError("a mistake of ours")
        if name == "b" and seen.count("b") < 3:
            raise BackendError("no answer")
        if seen.count("a") >= 2 and seen.count("b") >= 3:
            done.set()

    workers = Workers(queue, {"Pose": reconcile}, 2)
    workers.start()
    queue.add(A)
    queue.add(B)
    assert done.wait(10)
    assert workers.fault() == ""
    queue.close()
    workers.join(5)


def test_a_look_that_does_not_end_is_a_fault(monkeypatch):
    monkeypatch.setattr("poseline.operator.runtime.workers._STUCK_S", 0.1)
    queue, go = Queue(), threading.Event()
    workers = Workers(queue, {"Pose": lambda *_: go.wait(10) and None}, 1)
    workers.start()
    queue.add(A)
    time.sleep(0.4)
    assert "does not end" in workers.fault()
    go.set()
    queue.close()
    workers.join(5)
