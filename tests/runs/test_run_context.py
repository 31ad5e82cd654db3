"""A run is executed under its lock, begins afresh once, and fails alone."""

import threading
from dataclasses import replace

import pytest
import torch

from genbench.core.errors import StorageError
from genbench.core.locks import HeldError, locked
from genbench.data import load
from genbench.results.sealed_folder import MANIFEST
from genbench.runs import execute, run_context
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import prepare


@pytest.fixture
def command(done):
    """A command on the finished suite: its context, and the group of one run."""

    def make(**options):
        options = {"results": done.results, "device": "cpu"} | options
        prepared = prepare(RunOptions(suite=str(done.suite), **options))
        return prepared.context, prepared.context.groups(prepared.selected_runs)[0]

    return make


def folder_of(context, group):
    return context.run(group[0]).folder


def executed(context, group):
    (record,) = context.execute(group)
    return "stored" if record.cached else "trained"


def test_a_run_that_another_command_holds_is_left_alone(command):
    context, group = command(fresh=True)
    folder = folder_of(context, group)
    with locked(folder.path, "host, process 7\nid"):
        with pytest.raises(HeldError, match="host, process 7"):
            context.execute(group, wait=False)
        assert folder.is_sealed


def test_who_waits_for_a_run_finds_it_stored(command):
    context, group = command()
    held, free = threading.Event(), threading.Event()

    def hold():
        with locked(folder_of(context, group).path, "host, process 7\nid"):
            held.set()
            free.wait()

    threading.Thread(target=hold).start()
    held.wait()
    threading.Timer(0.2, free.set).start()
    assert executed(context, group) == "stored"


def test_a_fresh_command_trains_again_and_keeps_what_it_trained_itself(command):
    context, group = command(fresh=True)
    assert executed(context, group) == "trained"
    assert executed(context, group) == "stored"  # as after the death of a process
    other, _ = command(fresh=True)
    assert executed(other, group) == "trained"
    assert executed(context, group) == "trained"


def test_locks_of_a_group_are_taken_in_one_order(command, monkeypatch):
    """Two commands with the same runs in another order never wait for each other."""
    context, group = command()
    both = (group[0], replace(group[0], seed=1))
    taken = []

    def log(path, holder, *, wait):
        taken.append(path.name)
        return locked(path, holder, wait=wait)

    monkeypatch.setattr(run_context, "locked", log)
    context.execute(both)
    context.execute(both[::-1])
    assert taken[:2] == taken[2:] == sorted(taken[:2])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError(), "MemoryError: MemoryError"),
    ],
)
def test_what_a_recipe_raises_fails_its_run(command, monkeypatch, error, reason):
    context, group = command(fresh=True)
    monkeypatch.setattr(execute, "fit", lambda *_: throw(error))
    (record,) = context.execute(group)
    assert (record.status, record.reason) == ("failed", reason)
    assert record.description["n_parameters"] > 0


def test_an_error_of_storage_ends_the_suite(command, monkeypatch):
    context, group = command(fresh=True)
    monkeypatch.setattr(execute, "fit", lambda *_: throw(StorageError("the disk is full")))
    with pytest.raises(StorageError, match="the disk is full"):
        context.execute(group)


def throw(error):
    raise error


def test_a_survey_divides_what_is_stored_from_what_is_missing(command):
    context, group = command()
    other = replace(group[0], seed=7)
    records, missing = context.survey([(group[0], other)])
    assert [(record.spec, record.cached) for record in records] == [(group[0], True)]
    assert missing == [(other,)]
    fresh, _ = command(fresh=True)
    assert fresh.survey([group]) == ([], [group])


def test_the_lock_is_no_part_of_the_result(command):
    context, group = command(fresh=True)
    context.execute(group)
    folder = folder_of(context, group)
    assert (folder / ".lock").read_text() == context.plan.command
    assert (folder / MANIFEST).read_text().count(".lock") == 0


def test_a_run_that_another_command_repeated_is_told_as_it_is_now(command):
    context, group = command()
    (mine,) = context.execute(group)
    assert context.latest(group[0], mine) is mine
    theirs, _ = command(fresh=True)
    theirs.execute(group)
    found = context.latest(group[0], mine)
    assert found.provenance == folder_of(context, group).read("provenance.json")
    assert found.provenance != mine.provenance
    folder_of(context, group).break_seal()  # and again
    assert context.latest(group[0], found) is found


def test_views_of_the_same_images_share_them_and_each_is_what_is_loaded_alone(command):
    context, _ = command()
    configs = [spec.data for spec in context.plan.specs]
    views = [context.dataset(config) for config in configs]
    assert {view.domain for view in views} == {"binary", "unit_interval"}
    assert len({view.levels.data_ptr() for view in views}) == 1
    for config, view in zip(configs, views, strict=True):
        alone = load(config)
        assert (view.protocol, view.domain) == (alone.protocol, alone.domain)
        assert torch.equal(view.held_out("test").x, alone.held_out("test").x)
        assert view.unprocessed is context.dataset(config.images)
        assert view.unprocessed.protocol == alone.unprocessed.protocol
        assert view.unprocessed.config == alone.unprocessed.config
    other = context.dataset(configs[0].model_copy(update={"seed": 1}))
    assert other.levels.data_ptr() != views[0].levels.data_ptr()
