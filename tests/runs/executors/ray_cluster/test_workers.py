"""What tasks answer, and how they end, becomes what the schedule understands."""

import os
import signal
from types import SimpleNamespace

import pytest

from genbench.core.errors import DataError, RunsFailedError
from genbench.runs.executors.messages import Failure
from genbench.runs.executors.ray_cluster import workers as module
from genbench.runs.executors.ray_cluster.answers import as_raised, ready
from genbench.runs.executors.ray_cluster.demand import Demand
from genbench.runs.executors.ray_cluster.task import Started
from genbench.runs.executors.ray_cluster.workers import RayWorkers
from genbench.runs.executors.schedule import Busy, Died

errors = pytest.importorskip("ray").exceptions
BEGUN = Started("10.0.0.2")


class Stream:
    """What a task says, one thing after the other; an error is raised."""

    def __init__(self, said):
        self.said = list(said)

    def __next__(self):
        return self.said.pop(0)

    def completed(self):
        return self


class Ray:
    """A cluster of two CPUs, whose tasks say what they are told to."""

    exceptions = errors

    def __init__(self, *streams):
        self.streams, self.cancelled = [Stream(said) for said in streams], []

    def remote(self, **resources):
        submitted = iter(self.streams)
        return lambda function: SimpleNamespace(remote=lambda *given: next(submitted))

    def wait(self, streams, num_returns, timeout):
        told = [stream for stream in streams if stream.said]
        return told, [stream for stream in streams if stream not in told]

    def get(self, said):
        if isinstance(said, BaseException):
            raise said
        return said

    def cancel(self, stream, force):
        self.cancelled.append(force)
        if not force and not stream.said:
            return
        stream.said[:] = [errors.TaskCancelledError()]

    def nodes(self):
        node = {"NodeID": "a", "NodeManagerAddress": "10.0.0.2", "Alive": True}
        return [node | {"Resources": {"CPU": 2.0}}]


def workers_with(*streams, jobs="auto", say=lambda line: None):
    ray = Ray(*streams)
    workers = RayWorkers(ray, None, Demand(1, 0), jobs, say)
    for i in range(len(streams)):
        workers.submit((SimpleNamespace(name="vae", seed=i),), wait=False)
    return ray, workers


def answer_of(*said):
    return workers_with(said)[1].next_answer()[1]


def failed(cause):
    return errors.RayTaskError("execute", "Traceback\nTypeError: what\n", cause)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (errors.WorkerCrashedError(), "ended on node 10.0.0.2"),
        (errors.NodeDiedError("gone"), "was lost with node 10.0.0.2"),
        (errors.OutOfMemoryError("much"), "was ended by Ray on node 10.0.0.2"),
        (failed(errors.TaskCancelledError()), "was cancelled on node 10.0.0.2"),
    ],
)
def test_a_process_that_ends_is_told_from_a_node(end, reason):
    died = answer_of(BEGUN, end)
    assert isinstance(died, Died)
    assert died.reason == reason


def test_a_process_that_never_began_names_no_node():
    assert answer_of(errors.WorkerCrashedError()) == Died("ended before it began")


@pytest.mark.parametrize("answer", [["a record"], Busy("host, process 3")])
def test_an_answer_is_handed_on(answer):
    assert answer_of(BEGUN, answer) == answer


def test_an_error_of_the_whole_suite_names_the_node():
    with pytest.raises(DataError, match=r"^node 10\.0\.0\.2: mnist is missing$"):
        answer_of(BEGUN, Failure("DataError", "mnist is missing"))


def test_an_unexpected_error_is_one_line():
    with pytest.raises(RunsFailedError, match=r"^internal error on node 10\.0\.0\.2: TypeError: "):
        answer_of(BEGUN, failed(TypeError("what")))


def test_as_many_are_submitted_as_there_are_jobs_or_twice_what_nodes_take():
    assert workers_with([], jobs=2)[1].has_room()
    assert not workers_with([], [], jobs=2)[1].has_room()
    assert workers_with([], [], [])[1].has_room()
    assert not workers_with([], [], [], [])[1].has_room()


def test_a_cluster_that_is_busy_is_said_once(monkeypatch):
    monkeypatch.setattr(module, "_BUSY_S", -1.0)
    monkeypatch.setattr(module, "_LOOK_S", 0.0)
    said = []
    ray, workers = workers_with([], [], say=said.append)

    looks = iter([[], [], [], ray.streams[:1]])
    ray.streams[0].said = [["a record"]]
    ray.wait = lambda *_, **__: (next(looks), [])
    workers.next_answer()
    assert said == ["the cluster is busy: 2 runs wait, each for 1 CPU"]


def test_at_the_end_tasks_are_cancelled_and_those_that_go_on_are_killed(monkeypatch):
    monkeypatch.setattr(module, "_GRACE_S", 0.1)
    ray, workers = workers_with([BEGUN], [])
    workers.end()
    assert ray.cancelled == [False, False, True]
    assert workers.tasks == []


def test_what_a_handler_raises_while_ray_waits_is_raised():
    class Terminated(BaseException):
        pass

    def raise_it(signum, frame):
        raise Terminated

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        with pytest.raises(Terminated):
            ready(SimpleNamespace(wait=lambda *_, **__: os.kill(os.getpid(), 15)), [1], 1.0)
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(Terminated), as_raised():
        raise SystemError("returned a result with an exception set") from Terminated()
