"""Runs in processes of their own: what a run does to its process stays its own affair."""

import csv
import os
import re
import signal
import time

import pytest

from tests.processes import children_of, is_alive

PLUGIN = '''
import os, signal, sys
from dataclasses import replace
from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig

class Own(Options):
    latent_dim: int = 2

def fitted(name, act):
    """Register a recipe that does something first when it is fitted."""
    def build(data: DataFacts, options: Own, train: TrainConfig) -> Built:
        theirs = recipes["linear_gaussian"]
        built = theirs.build(data, theirs.options(latent_dim=options.latent_dim), train)
        def fit(x):
            act()
            built.closed_form(x)
        return replace(built, closed_form=fit)
    recipe(name)(build)

class OddError(Exception):
    def __reduce__(self):
        raise TypeError("cannot be pickled")

def fail(error):
    raise error

def look():
    threads = __import__("torch").get_num_threads()
    print(f"looked: {os.getpid()} {len(os.listdir('/proc/self/fd'))} {threads}", flush=True)

fitted("looks", look)
fitted("kills", lambda: os.kill(os.getpid(), signal.SIGKILL))
fitted("leaves", lambda: sys.exit(3))
fitted("disk", lambda: fail(OSError(28, "No space left on device")))
fitted("odd", lambda: fail(OddError("odd")))
'''
SUITE = """
title = "Workers"
[data]
name = "digits"
dequantisation = "uniform"
limit = 60
[train]
epochs = 3
batch_size = 20
[evaluate]
metrics = ["log_likelihood", "elbo"]
"""
BINARY = 'hidden = [8]\nbinarisation = "dynamic"\ndequantisation = "none"\n'
RUN = ("run", "--suite", "workers.toml", "--plugin", "mine.py", "--no-report", "--device", "cpu")


@pytest.fixture(scope="module")
def commands(server, kinds, tmp_path_factory):
    """Run the suite with some models: ``commands(models, *argv)`` gives folder and answer."""
    _, Running = kinds

    def run(models, *argv, seeds=1, first=""):
        folder = tmp_path_factory.mktemp("workers")
        (folder / "mine.py").write_text(PLUGIN)
        entries = [f'[[model]]\nrecipe = "{name}"\nlatent_dim = 2\n' for name in models]
        entries = [entry + BINARY * ('"vae"' in entry) for entry in entries]
        (folder / "workers.toml").write_text(f"seeds = {seeds}\n{SUITE}{''.join(entries)}")
        files = {name: str(folder / name) for name in ("stdout", "stderr")}
        job = {"argv": (*RUN, *argv), "cwd": str(folder), "first": first, **files}
        return folder, Running(server, job).wait()

    return run


def rows(folder):
    with (folder / "results/workers/metrics.csv").open(newline="") as file:
        return {(r["model"], r["metric"]): r for r in csv.DictReader(file)}


def numbers(folder):
    told = ("metrics.csv", "history.csv", "metrics.json", "spec.json", ".safetensors")
    paths = sorted((folder / "results").rglob("*"))
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if path.name.endswith(told)
    }


@pytest.fixture(scope="module")
def mixed(commands):
    """A suite in which nearly everything goes wrong."""
    return commands(["kills", "leaves", "disk", "odd", "looks"], "--jobs", "2")


@pytest.fixture(scope="module")
def calm(commands):
    """A suite in which nothing goes wrong, in four processes and in one."""
    argv = (["vae", "looks"],)
    return commands(*argv, "--jobs", "4", seeds=4), commands(*argv, "--jobs", "1", seeds=4)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("kills", "its process was killed by signal 9, 3 times; the machine may be out of memory"),
        ("leaves", "SystemExit: 3"),
        ("disk", "OSError: [Errno 28] No space left on device"),
        ("odd", "OddError: odd"),
    ],
)
def test_what_a_recipe_does_fails_its_own_run_and_the_reason_says_what(mixed, model, reason):
    folder, done = mixed
    assert done.code == 4
    row = rows(folder)[model, "log_likelihood"]
    assert (row["status"], row["reason"]) == ("failed", reason)
    assert f"{model} seed 0: failed: {reason}" in done.err


def test_the_others_go_on_and_the_table_has_all(mixed):
    folder, done = mixed
    assert {model for model, _ in rows(folder)} == {"kills", "leaves", "disk", "odd", "looks"}
    assert rows(folder)["looks", "log_likelihood"]["status"] == "ok"
    assert "looks" in done.out
    assert "4 of 5 runs did not finish" in done.err


def test_a_dead_process_is_said_to_be_tried_again(mixed):
    again = "kills (seed 0): its process was killed by signal 9; trying again"
    assert mixed[1].err.count(again) == 2


def test_what_a_recipe_prints_is_no_result(mixed):
    _, done = mixed
    assert "looked: " not in done.out
    assert done.err.count("looked: ") == 1


def test_the_bits_do_not_depend_on_the_number_of_processes(calm):
    (four, _), (one, _) = calm
    assert len(numbers(one)) > 30
    assert numbers(four) == numbers(one)


EARLY = """
import sys
import genbench.runs.early as early
early.cores, start = lambda: 16, early.started_early
def told(module, n, *late):
    print(f"early: {n}", file=sys.stderr)
    return start(module, n, *late)
early.started_early = told
"""


def test_the_bits_are_those_of_workers_that_start_before_the_suite_is_read(calm, commands):
    folder, done = commands(["vae", "looks"], "--jobs", "3", seeds=4, first=EARLY)
    assert (done.code, done.err.count("early: 3")) == (0, 1), done.err
    assert {threads for _, _, threads in looked(done)} == {1}
    assert numbers(folder) == numbers(calm[1][0])


def looked(done):
    """Return process, handles and threads at each fit."""
    found = re.findall(r"looked: (\d+) (\d+) (\d+)", done.out + done.err)
    return [tuple(map(int, numbers)) for numbers in found]


def test_a_run_has_one_thread_wherever_it_is_executed(calm):
    assert {threads for _, done in calm for _, _, threads in looked(done)} == {1}


def test_processes_live_on_and_open_no_more_files(calm):
    """Each open file of a run that stays open would be one more at the next."""
    (_, four), (_, one) = calm
    assert 1 <= len({process for process, _, _ in looked(four)}) <= 4
    assert len({handles for _, handles, _ in looked(one)}) == 1


def test_what_is_stored_starts_no_process(calm, server, kinds):
    (folder, _), _ = calm
    _, Running = kinds
    files = {name: str(folder / f"again_{name}") for name in ("stdout", "stderr")}
    never = "import genbench.runs.executors.pool as pool; pool._Process = None"
    job = {"argv": (*RUN, "--jobs", "4"), "cwd": str(folder)}
    done = Running(server, {**job, "first": never, **files}).wait()
    assert (done.code, done.err) == (0, "nothing to do: 8 runs stored (--fresh starts again)\n")


LONG = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu", "--jobs", "2")


@pytest.mark.parametrize("first", ["", EARLY], ids=["usual", "early"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_workers_end_with_their_parent(start, place, number, code, first):
    running = start(*LONG, "--set", "train.epochs=1000000", first=first)
    running.wait_for(lambda: len(list(place.results.rglob("spec.json"))) == 2)
    workers = children_of(running.pid)
    assert len(workers) == 2
    sent = time.monotonic()
    running.send(number)
    stopped = running.wait(30)
    assert stopped.code == code
    assert "Traceback" not in stopped.err
    while any(map(is_alive, workers)):
        assert time.monotonic() - sent < 3 + 2 * busyness()
        time.sleep(0.02)


def busyness():
    """Return how many times slower a process is for the others that want its core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


MANY = """
import os, sys
import genbench.runs.execute as execute
from genbench import cli

fit = execute.fit
def told(trained, label):
    print(f"trained {label}", file=sys.stderr, flush=True)
    return fit(trained, label)
execute.fit = told

children = []
for i in range(N):
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(f"told_{i}", os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 99
        try:
            code = cli.main(ARGV)
        finally:
            sys.stderr.flush()
            os._exit(code)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(codes)
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("n", [2, 8])
def test_each_run_is_trained_once_by_many_identical_commands(start, place, n):
    argv = ["run", "--suite", "tiny.toml", "--device", "cpu", "--no-report"]
    done = start(first=f"N = {n}\nARGV = {argv}\n{MANY}").wait()
    assert done.out == f"{[0] * n}\n", done.err
    told = [path.read_text() for path in sorted(place.folder.glob("told_*"))]
    trained = [line for text in told for line in text.splitlines() if line.startswith("trained")]
    assert sorted(trained) == ["trained gan (seed 0)", "trained vae (seed 0)"]
    assert len(told) == n
    assert not list(place.results.rglob("*.tmp"))
    held = [re.findall(r"another command runs it \(.*, process \d+\)", text) for text in told]
    assert any(held)
