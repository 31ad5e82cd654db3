"""Executors give the same rows, whoever executes."""

import importlib.util
import multiprocessing
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors import pick_executor
from genbench.runs.executors.ray import run_on_ray
from genbench.runs.run_options import RunOptions


def test_an_unknown_executor_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'local'"):
        pick_executor("locale", 1)


def test_ray_that_is_not_installed_says_how_to_install_it(workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'genbench\[ray\]'"):
        workplace.run(executor="ray")


def test_an_interrupt_ends_the_workers_and_no_other_process_of_the_caller(workplace):
    own = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    own.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            workplace.run("seeds=3", jobs=2, say=interrupt)
        assert own.is_alive()
        until = time.monotonic() + 20
        while multiprocessing.active_children() != [own]:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        own.kill()
        own.join()


def interrupt(line):
    raise KeyboardInterrupt


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
    suite = SUITE.replace('"mine"', '"linear_gaussian"').replace("width", "latent_dim")
    done = run_script(tmp_path, f"import genbench\n{call}", suite.replace('"two"', '"elbo"'))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("genbench: jobs: 2 processes import this script")
    assert 'if __name__ == "__main__":' in line


RAY = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import genbench

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn")) as nodes:
        sys.modules["ray"] = SimpleNamespace(
            is_initialized=lambda: True,
            remote=lambda **resources: lambda function: SimpleNamespace(
                remote=lambda *given: nodes.submit(function, *given)
            ),
            wait=lambda waiting: (waiting[:1], waiting[1:]),
            get=lambda ready: [future.result() for future in ready],
        )
        frame = genbench.run(
            "mine.toml", executor="ray", plugins="my_plugin.py", report=False, device="cpu"
        )
        print(frame["value"].tolist())
"""


def test_what_a_plugin_registers_runs_on_ray(tmp_path):
    """Ray is stood in for by one other process that starts with nothing loaded."""
    (tmp_path / "my_plugin.py").write_text(SCRIPT)
    done = run_script(tmp_path, RAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[2.0, 2.0]\n"


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_ray_gives_the_table_of_one_process(workplace):
    here, there = workplace.folder / "here", workplace.folder / "there"
    command = [sys.executable, "-m", "genbench", "run", "--suite", str(workplace.suite)]
    command += ["--no-report", "--device", "cpu"]
    subprocess.run([*command, "--results", str(here)], check=True, capture_output=True)
    subprocess.run(
        [*command, "--results", str(there), "--executor", "ray"], check=True, capture_output=True
    )
    tables = [(folder / "tiny" / "metrics.csv").read_text() for folder in (here, there)]
    assert tables[0] == tables[1]


def test_ray_chooses_the_gpus_itself():
    context = SimpleNamespace(plan=SimpleNamespace(options=RunOptions(device="cuda:1")))
    with pytest.raises(ConfigError, match=r"^device: .* use --device cuda$"):
        next(run_on_ray(context, [], print, 1))
