"""Checks of storage, statistics, training, gates and clocks, as functions without arguments."""

import contextlib
import io
import math
import tempfile
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from genbench import cli
from genbench.bench import compare as bench_compare
from genbench.bench import timing
from genbench.bench.rows import StoredRowsError
from genbench.core.errors import StorageError
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.gate import keys
from genbench.gate.entries import Entry
from genbench.results.run_folder import HISTORY, RunFolder
from genbench.training.loop import Loop, fit
from genbench.training.update import Update
from tests.core import test_files as files_tests
from tests.data import test_storage as storage_tests
from tests.data.conftest import make_tiny
from tests.training import test_loop as loop_tests

WORK_SECONDS = 0.004


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def small_data():
    return load(DataConfig(name="digits", binarisation="static", limit=90))


def last_good_step():
    """A loss that is not finite: the parameters stay, and the step is named."""
    with folder() as place:

        def run(model, updates, config):
            path, stream = place / "c.safetensors", Stream(0, ("train",))
            return fit(Loop(model, updates, small_data(), config, stream, path))

        loop_tests.test_a_bad_loss_leaves_the_parameters_of_the_last_good_step(run, math.nan, 1.0)


def training_without_the_test_data():
    """Neither the history nor the chosen epoch moves when all test images are replaced."""
    first = trained_on(small_data())
    other = small_data()
    start = len(other.levels) - other.sizes["test"]
    other.levels[start:] = other.n_levels - 1 - other.levels[start:]
    second = trained_on(other)
    assert second.history == first.history
    assert second.best_epoch == first.best_epoch


def trained_on(data):
    model = loop_tests.Toy()

    def objective(model, batch):
        return loop_tests.Loss((model.a - batch.x.mean()).square(), {})

    with folder() as place:
        update = Update("toy", [model.a], objective)
        stream, path = Stream(0, ("train",)), place / "c.safetensors"
        return fit(Loop(model, [update], data, loop_tests.CONSTANT, stream, path))


def failed_write():
    """A write that fails raises and leaves the old file."""
    with folder() as place, pytest.MonkeyPatch.context() as patch:
        files_tests.test_a_failed_write_leaves_the_old_file_and_no_temporary_one(
            place, patch, "fsync"
        )


def storage_exit_code():
    """Results that cannot be written end the command with code 5."""
    with folder() as place, contextlib.redirect_stderr(io.StringIO()):
        (place / "taken").write_text("")
        argv = ["run", "--models", "linear_gaussian", "--results", str(place / "taken")]
        assert cli.main([*argv, "--no-report", "--device", "cpu"]) == 5


def unpacked_bytes():
    """Every flipped byte of an unpacked file is found."""
    storage_tests.test_every_single_flipped_byte_of_an_unpacked_file_is_detected(make_tiny(True))


def changed_artifact():
    """A stored file that is not the one that the run wrote is refused.

    A table, since the format of the tensors would notice the change without any digest.
    """
    with folder() as place:
        run = RunFolder(place, "a1b2")
        run.path.mkdir(parents=True)
        (run / HISTORY).write_text("epoch,train.vae.loss\n1,2.5\n")
        run.seal()
        assert run.history()["train.vae.loss"].tolist() == [2.5]
        (run / HISTORY).write_text("epoch,train.vae.loss\n1,1.5\n")
        with pytest.raises(StorageError, match=HISTORY):
            run.history()


def renamed_benchmark():
    """A benchmark under another name is missing, whatever its speed."""
    row = {
        "recipe": "vae", "task": "train", "batch_size": 20, "device": "cpu", "data": "digits",
        "options": {}, "fingerprint": {}, "fingerprint_digest": "aa",
    }  # fmt: skip
    machine = {"fingerprint": {}, "fingerprint_digest": "aa"}
    bench_compare.require_comparable([row], [row], machine)
    with pytest.raises(StoredRowsError, match="missing"):
        bench_compare.require_comparable([row], [row | {"recipe": "vae_2"}], machine)


def renamed_metric():
    """A number that the baseline has and the results lack is named."""
    entry = Entry(
        model="vae", metric="elbo", split="test", protocol="p", better="higher", unit="nats",
        kind="lower_bound", options="{}", version=1, n=10, seeds=(0,), train_ids=("aa",),
        values=(-1.0,), mean=-1.0, sd=None, stderr=0.1, margin=0.5,
    )  # fmt: skip
    assert keys.mismatches([entry], [entry]) == []
    renamed = entry.model_copy(update={"metric": "elbo_2", "values": (-9.0,), "mean": -9.0})
    assert keys.mismatches([entry], [renamed])


def the_clock_waits_for_the_device():
    """A device that works behind the caller's back is waited for inside the timed block."""
    queue = []

    def finish(device=None):
        time.sleep(WORK_SECONDS * len(queue))
        queue.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "synchronize", finish)
        patch.setattr(timing, "_events", lambda: (Mock(elapsed_time=lambda end: 0.0), Mock()))
        work = timing.Contender(lambda: queue.append(1), 1)
        found = timing.take_turns({"work": work}, 0.05, torch.device("cuda"))
    assert np.median(found["work"].wall) >= WORK_SECONDS
