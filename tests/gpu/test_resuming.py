"""Whole suites on the GPU: the same bytes again, and after a kill."""

import signal
import subprocess
import sys

import pytest

from genbench import cli

SUITE = """
title = "Tiny"

[data]
name = "digits"
binarisation = "dynamic"
limit = 100

[train]
epochs = 60
batch_size = 20

[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "cvae"
network = "conv"
channels = [4, 8]
latent_dim = 3

[[model]]
recipe = "linear_gaussian"
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = [
  "elbo", "iw_log_likelihood", "kl_per_dim", "log_likelihood", "reconstruction_mse", "mmd2",
  "ais_log_likelihood",
]
iw_log_likelihood = { n_samples = 20 }
ais_log_likelihood = { n_chains = 2, n_temperatures = 5, n_leapfrog = 1, n_data = 10 }
"""
KILLED = """
import os, signal, sys
import genbench.training.loop as loop
from genbench import cli
save, loop.CHECKPOINT_SECONDS = loop.save_checkpoint, -1.0
def save_and_stop(path, model, optimizers, progress):
    save(path, model, optimizers, progress)
    if progress.epoch == {epoch}:
        os.kill(os.getpid(), signal.SIGKILL)
loop.save_checkpoint = save_and_stop
sys.exit(cli.main(sys.argv[1:]))
"""
STOPPED = """
import itertools, os, signal, sys
from genbench import cli
from genbench.core.interrupts import Interrupts
poll, polls = Interrupts.poll, itertools.count(1)
def poll_interrupted(self, save):
    if next(polls) == {poll}:
        os.kill(os.getpid(), signal.SIGTERM)
    poll(self, save)
Interrupts.poll = poll_interrupted
sys.exit(cli.main(sys.argv[1:]))
"""
TOLD = ("metrics.csv", "history.csv", "metrics.json", "spec.json", ".safetensors")


@pytest.fixture(scope="module")
def command(tmp_path_factory, device):
    """Return the arguments that run the suite with its results in a folder."""
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(SUITE)

    def of(results, *more):
        asked = ["run", "--suite", path, "--results", results, "--device", device.type]
        return [str(argument) for argument in (*asked, "--no-report", "--jobs", 1, *more)]

    return of


def numbers(results):
    """Return the bytes of what must not depend on when and how often a run was stopped."""
    files = (path for path in sorted(results.rglob("*")) if path.name.endswith(TOLD))
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def expected(command, tmp_path_factory):
    results = tmp_path_factory.mktemp("whole")
    assert cli.main(command(results)) == 0
    return numbers(results)


def test_a_repeated_run_ends_in_the_same_bytes(command, expected, tmp_path):
    assert cli.main(command(tmp_path)) == 0
    assert any(name.endswith("metrics.csv") for name in expected)
    assert numbers(tmp_path) == expected


@pytest.mark.parametrize("epoch", [1, 30])
def test_a_killed_run_that_is_resumed_ends_in_the_same_bytes(command, expected, tmp_path, epoch):
    program = [sys.executable, "-c", KILLED.format(epoch=epoch), *command(tmp_path)]
    killed = subprocess.run(program, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list(tmp_path.rglob("checkpoint.safetensors"))) == 1
    assert cli.main(command(tmp_path)) == 0
    assert numbers(tmp_path) == expected


@pytest.mark.parametrize("poll", [2, 40])
def test_a_run_stopped_by_a_signal_ends_in_the_same_bytes(command, expected, tmp_path, poll):
    program = [sys.executable, "-c", STOPPED.format(poll=poll), *command(tmp_path)]
    stopped = subprocess.run(program, capture_output=True, text=True)
    assert stopped.returncode == 143, stopped.stderr
    assert len(list(tmp_path.rglob("checkpoint.safetensors"))) == 1
    assert cli.main(command(tmp_path)) == 0
    assert numbers(tmp_path) == expected


def test_seeds_together_end_in_the_same_bytes_again(command, tmp_path):
    found = []
    for name in ("one", "other"):
        together = ("--seeds", "3", "--together", "--models", "vae,gan")
        assert cli.main(command(tmp_path / name, *together)) == 0
        found.append(numbers(tmp_path / name))
    assert found[0] == found[1]
