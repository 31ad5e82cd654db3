"""Groups are submitted, tried again, put aside and failed as promised, whoever executes them."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from genbench.core.errors import StorageError
from genbench.runs.executors.schedule import MAX_TRIES, Busy, Died, schedule
from genbench.runs.record import RunRecord

KILLED = Died("was killed by signal 9", "the machine may be out of memory")


@dataclass(frozen=True)
class Spec:
    """A run; ``same`` names another that does the same."""

    name: str
    same: str = ""
    assume: str = ""

    @property
    def label(self):
        return self.name

    @property
    def base(self):
        return replace(self, name=self.assume, assume="")


class Context:
    """Knows what is stored, and by which name a run goes first."""

    def __init__(self, stored=()):
        self.stored = stored

    def train_id(self, spec):
        return spec.same or spec.name

    def finished(self, spec):
        return record(self, spec, cached=True) if spec.name in self.stored else None

    def failed(self, spec, reason):
        return record(self, spec, status="failed", reason=reason)


def record(context, spec, **more):
    return RunRecord(spec, context.train_id(spec), **more)


class Workers:
    """Answers as told, group by group, in the order of submission; logs what it was asked."""

    def __init__(self, context, answers=None, room=2):
        self.context, self.answers, self.room = context, answers or {}, room
        self.running, self.log, self.beside = [], [], []

    def has_room(self):
        return len(self.running) < self.room

    def submit(self, group, *, wait):
        assert self.has_room()
        self.running.append(group)
        self.log.append((names(group), wait))

    def next_answer(self):
        group = self.running.pop(0)
        self.beside.append((names(group), [names(other) for other in self.running]))
        told = self.answers.get(names(group), [])
        answer = told.pop(0) if told else [record(self.context, spec) for spec in group]
        if isinstance(answer, Exception):
            raise answer
        return group, answer


def names(group):
    return " ".join(spec.name for spec in group)


@pytest.fixture
def go():
    """Schedule groups, each a text of names; return the records, and what was asked and said."""

    def run(*groups, answers=None, stored=(), room=2):
        context, said = Context(stored), []
        workers = Workers(context, answers, room)
        made = [tuple(Spec(n) if isinstance(n, str) else n for n in group) for group in groups]
        records = [r for some in schedule(workers, context, made, said.append) for r in some]
        by_name = {r.spec.name: r for r in records}
        assert len(by_name) == len(records)
        return SimpleNamespace(
            records=by_name,
            submitted=[name for name, _ in workers.log],
            waited=[name for name, wait in workers.log if wait],
            beside=workers.beside,
            said=said,
        )

    return run


def test_groups_are_submitted_in_order_while_there_is_room(go):
    done = go(["a"], ["b"], ["c", "d"], ["e"])
    assert done.submitted == ["a", "b", "c d", "e"]
    assert done.beside == [("a", ["b"]), ("b", ["c d"]), ("c d", ["e"]), ("e", [])]
    assert list(done.records) == ["a", "b", "c", "d", "e"]
    assert (done.waited, done.said) == ([], [])


def test_what_is_stored_is_never_submitted(go):
    done = go(["a"], ["b", "c"], stored=("a", "c"))
    assert done.submitted == ["b"]
    assert {name: r.cached for name, r in done.records.items()} == {
        "a": True,
        "b": False,
        "c": True,
    }


def test_where_all_is_stored_no_worker_is_asked(go):
    assert go(["a"], ["b"], stored=("a", "b")).submitted == []


def test_rows_that_are_the_same_run_are_executed_once(go):
    done = go(["a"], [Spec("b", same="a")], ["c", Spec("d", same="a")])
    assert done.submitted == ["a", "c"]
    assert {name: r.train_id for name, r in done.records.items()} == {
        "a": "a", "b": "a", "c": "c", "d": "a",
    }  # fmt: skip


def test_a_group_whose_process_died_is_tried_again(go):
    done = go(["a"], ["b"], ["c"], answers={"a": [KILLED]})
    assert done.submitted == ["a", "b", "a", "c"]
    assert {r.status for r in done.records.values()} == {"ok"}
    assert done.said == ["a: its process was killed by signal 9; trying again"]


def test_the_last_try_has_the_machine_for_itself(go):
    done = go(["a"], ["b"], ["c"], ["d"], answers={"a": [KILLED, KILLED]})
    assert done.submitted == ["a", "b", "a", "c", "d", "a"]
    assert done.beside[-1] == ("a", [])
    assert done.records["a"].status == "ok"


def test_nothing_is_submitted_beside_a_last_try(go):
    done = go(["a"], ["b"], answers={"a": [KILLED] * 2, "b": [KILLED] * 2})
    assert done.beside[-2:] == [("a", []), ("b", [])]


def test_a_run_that_always_kills_its_process_fails_and_the_others_go_on(go):
    done = go(["a"], ["b"], ["c"], answers={"a": [KILLED] * 9})
    assert done.submitted.count("a") == MAX_TRIES
    assert {name: r.status for name, r in done.records.items()} == {
        "a": "failed", "b": "ok", "c": "ok",
    }  # fmt: skip
    assert done.records["a"].reason == (
        "its process was killed by signal 9, 3 times; the machine may be out of memory"
    )


def test_a_reason_without_a_hint_ends_there(go):
    ended = Died("ended with exit code 3")
    done = go(["a"], answers={"a": [ended] * 3})
    assert done.records["a"].reason == "its process ended with exit code 3, 3 times"


def test_a_group_whose_process_died_is_divided(go):
    done = go(["a", "b", "c"], answers={"a b c": [KILLED], "b": [KILLED] * 9})
    assert done.submitted == ["a b c", "a", "b", "c", "b"]
    assert [name for name, r in done.records.items() if r.status == "failed"] == ["b"]


def test_other_rows_of_a_failed_run_fail_with_it(go):
    done = go(["a"], [Spec("b", same="a")], answers={"a": [KILLED] * 3})
    assert done.records["b"].reason == done.records["a"].reason


def test_a_run_of_another_command_is_left_until_the_others_are_done(go):
    done = go(["a"], ["b"], ["c"], answers={"a": [Busy("host, process 9")]})
    assert done.submitted == ["a", "b", "c", "a"]
    assert done.waited == ["a"]
    assert done.said == ["a: another command runs it (host, process 9); waiting for it at the end"]
    assert len(done.records) == 3


def test_each_holder_is_named_once(go):
    one, other = Busy("host, process 9"), Busy("host, process 7")
    done = go(["a"], ["b"], ["c"], answers={"a": [one], "b": [one], "c": [other]})
    assert [line.partition(":")[0] for line in done.said] == ["a", "c"]
    assert done.waited == ["a", "b", "c"]


def test_a_last_try_comes_before_what_others_hold(go):
    done = go(["a"], ["b"], answers={"a": [Busy("x")], "b": [KILLED] * 2})
    assert done.submitted == ["a", "b", "b", "b", "a"]


def test_a_run_with_an_assumption_waits_for_the_training_that_it_shares(go):
    done = go(["a"], [Spec("a+", assume="a")], ["c"])
    assert done.submitted == ["a", "c", "a+"]
    assert ("a", ["c"]) in done.beside


@pytest.mark.parametrize("answer", [KILLED, Busy("x")])
def test_it_waits_as_well_while_that_is_tried_again_or_held(go, answer):
    done = go(["a"], [Spec("a+", assume="a")], ["c"], answers={"a": [answer] * 2})
    assert done.submitted[-1] == "a+"
    assert done.beside[-1] == ("a+", [])


def test_it_goes_on_alone_after_that_failed(go):
    done = go(["a"], [Spec("a+", assume="a")], answers={"a": [KILLED] * 3})
    assert {name: r.status for name, r in done.records.items()} == {"a": "failed", "a+": "ok"}


def test_it_does_not_wait_for_itself(go):
    done = go(["a", Spec("a+", assume="a")], [Spec("b+", assume="b")])
    assert done.submitted == ["a a+", "b+"]


def test_an_error_that_concerns_the_suite_ends_it(go):
    with pytest.raises(StorageError, match="full"):
        go(["a"], ["b"], answers={"a": [StorageError("the disk is full")]})


def test_ten_thousand_groups_are_scheduled_in_no_time(go):
    groups = [[f"run {i}"] for i in range(10_000)]
    assert len(go(*groups).records) == 10_000
