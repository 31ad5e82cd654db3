"""How many processes execute runs, what they need, and how scripts and notebooks are answered."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from genbench.core import processes
from genbench.core.errors import ConfigError
from genbench.core.locks import locked
from genbench.runs.executors import local, registered
from genbench.runs.executors.local import Here, is_best_here, number_of_processes, run_locally
from genbench.runs.executors.schedule import Busy
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunPlan
from genbench.runs.run_options import RunOptions


@pytest.fixture
def context(monkeypatch):
    """A machine with eight cores, and what may run on it."""
    monkeypatch.setattr(processes, "cores", lambda: 8)
    monkeypatch.setattr(local, "free_gpu_bytes", lambda device: 78 * 2**30)
    monkeypatch.setattr(local, "is_best_here", is_best_here)  # as outside of tests
    modules = []
    monkeypatch.setattr(local, "registering_modules", lambda context, groups: modules)

    def make(device="cpu", modules_of=(), **options):
        modules[:] = modules_of
        plan = RunPlan("small", (), EvaluationRequest(()), RunOptions(**options))
        return SimpleNamespace(plan=plan, device=torch.device(device))

    return make


@pytest.mark.parametrize(
    ("given", "n_groups", "n"),
    [
        ({}, 9, 8),
        ({}, 5, 5),
        ({"cpus_per_run": 3}, 9, 2),
        ({"cpus_per_run": 99}, 9, 1),
        ({"jobs": 3}, 9, 3),
        ({"jobs": 20}, 9, 9),
    ],
)
def test_there_is_a_process_for_each_core_unless_a_number_is_asked_for(context, given, n_groups, n):
    assert number_of_processes(context(**given), [()] * n_groups) == n


@pytest.mark.parametrize(
    ("free", "given", "n"),
    [
        (78, {}, 4),
        (78, {"jobs": 6}, 6),
        (20, {}, 2),
        (6, {}, 1),
    ],
)
def test_processes_share_a_gpu_as_far_as_its_memory_goes(context, monkeypatch, free, given, n):
    monkeypatch.setattr(local, "free_gpu_bytes", lambda device: free * 2**30)
    there = context("cuda", **given)
    assert number_of_processes(there, [()] * 9) == n
    assert is_best_here(there, [()] * 9) == (n == 1)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "processes"),
        ({"cpus_per_run": 99}, "processes"),
        ({"modules_of": ["mine"]}, "processes"),
        ({"modules_of": ["__main__"]}, "here"),
        ({"suite": lambda: "what cannot be pickled"}, "here"),
        ({"modules_of": ["__main__"], "jobs": 3}, "processes"),
        ({"device": "cuda"}, "here"),
        ({"device": "cuda", "jobs": 3}, "processes"),
        ({"jobs": 1}, "here"),
        ({"jobs": 2}, "processes"),
    ],
)
def test_a_single_run_too_has_a_process_of_its_own_unless_it_must_stay(
    context, monkeypatch, given, where
):
    monkeypatch.setattr(local, "run_here", lambda *_: "here")
    monkeypatch.setattr(local, "run_in_processes", lambda *_: "processes")
    assert run_locally(context(**given), [()], print) == where


def test_what_a_notebook_registers_cannot_run_elsewhere(context, monkeypatch):
    monkeypatch.setattr(processes, "running_script", lambda: None)
    with pytest.raises(ConfigError, match=r"^jobs: what a notebook registers .* or leave jobs out"):
        run_locally(context(modules_of=["__main__"], jobs=2), [(), ()], print).__enter__()


def test_the_modules_of_plugins_and_of_genbench_are_loaded_anyway():
    names = ["genbench.recipes.builtin", "genbench_plugin_mine_12345678", "mine", "genbenches"]
    assert [n for n in names if not registered._is_known(n)] == ["mine", "genbenches"]


def test_a_run_that_is_held_is_put_aside_here_too(done):
    from genbench.suites.prepare import prepare

    options = RunOptions(suite=str(done.suite), results=done.results, device="cpu")
    prepared = prepare(options)
    group, *_ = prepared.context.groups(prepared.selected_runs)
    folder = prepared.context.run(group[0]).folder
    workers = Here(prepared.context)
    with locked(folder.path, "host, process 7\nid"):
        workers.submit(group, wait=False)
        assert not workers.has_room()
        assert workers.next_answer() == (group, Busy("host, process 7"))
    assert workers.has_room()
    workers.submit(group, wait=True)
    assert workers.next_answer()[1][0].status == "ok"


SCRIPT = '''
import genbench
from genbench.core.estimate import Estimate
from genbench.evaluation.spec import EvaluatorOptions, PerDatum, evaluator
from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig

class Mine(Options):
    width: int = 3

@recipe("mine")
def mine(data: DataFacts, options: Mine, train: TrainConfig) -> Built:
    """Mine."""
    theirs = recipes["linear_gaussian"]
    return theirs.build(data, theirs.options(latent_dim=options.width), train)

@evaluator(
    name="two", version=1, needs=object, unit="nats", better="higher", kind="exact",
    title="Two", formula="2", reduce=lambda values, _: Estimate(values.mean().item(), 0.0, 40),
)
def two(block, options: EvaluatorOptions) -> PerDatum:
    """Two."""
    return PerDatum(0 * block.x.flatten(1).sum(1) + 2)
'''
SUITE = """
title = "Mine"
seeds = 2
[data]
name = "digits"
limit = 40
dequantisation = "uniform"
[[model]]
recipe = "mine"
width = 2
[evaluate]
metrics = ["two"]
"""
RUN = "frame = genbench.run('mine.toml', jobs=2, report=False, device='cpu')\n"
MAIN = """
import sys
from genbench import cli
sys.exit(cli.main(["run", "--suite", "mine.toml", "--jobs", "2", "--no-report"]))
"""


def run_script(folder, text, suite=SUITE):
    (folder / "mine.toml").write_text(suite)
    (folder / "script.py").write_text(text)
    argv = [sys.executable, "script.py"]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


def test_what_a_script_registers_runs_in_several_processes(tmp_path):
    text = f"if __name__ == '__main__':\n    {RUN}    print(frame['value'].tolist())\n"
    done = run_script(tmp_path, SCRIPT + text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[2.0, 2.0]\n"


@pytest.mark.parametrize("call", [RUN, MAIN])
def test_a_script_without_a_main_guard_is_answered_in_one_line(tmp_path, call):
    """Its processes need what it registers, and would start it again."""
    done = run_script(tmp_path, SCRIPT + call)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("genbench: jobs: 2 processes import this script")
    assert 'if __name__ == "__main__":' in line


def test_a_script_that_registers_nothing_needs_no_main_guard(tmp_path):
    suite = SUITE.replace('"mine"', '"linear_gaussian"').replace("width", "latent_dim")
    suite = suite.replace('"two"', '"log_likelihood"')
    done = run_script(tmp_path, f"import genbench\n{RUN}print(len(frame))\n", suite)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_by_default_a_script_runs_what_it_registers_itself(tmp_path):
    call = RUN.replace("jobs=2, ", "")
    done = run_script(tmp_path, f"{SCRIPT}{call}print(frame['value'].tolist())\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2.0, 2.0]\n", "")
