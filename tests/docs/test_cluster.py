"""The how-to on clusters: its script does what it says, with stand-ins for SLURM's commands."""

import os
import re
import shlex
import subprocess

import pytest

from genbench.cli import _parser
from tests.docs.conftest import DOCS, blocks

SCRIPT = DOCS / "howto" / "slurm_array.sh"
PAGE = DOCS / "howto" / "cluster.md"
STAND_IN = """#!/bin/bash
printf '%s\\n' "$(basename "$0") $*" >> "$CALLS"
[[ $(basename "$0") == sbatch ]] && echo "4711;cluster"
exit 0
"""


@pytest.fixture
def submit(tmp_path):
    """Run the script with stand-ins for SLURM; return what it called, word by word."""
    for name in ("sbatch", "srun"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)

    def go(*argv, **slurm):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        path = f"{tmp_path}:{os.environ['PATH']}"
        own = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        environment = own | {"PATH": path, "CALLS": str(calls)} | slurm
        done = subprocess.run(
            ["bash", str(SCRIPT), *argv], cwd=tmp_path, env=environment,
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        told = calls.read_text().splitlines() if calls.exists() else []
        return done, [shlex.split(line) for line in told]

    return go


def arguments(words):
    """Parse the genbench command in a call."""
    return _parser().parse_args(words[words.index("genbench") + 1 :])


def test_the_script_submits_an_array_and_a_report_that_waits_for_it(submit):
    done, (array, report) = submit("mnist", "12")
    assert done.returncode == 0, done.stderr
    assert array[:3] == ["sbatch", "--parsable", "--array=1-12"]
    assert "--dependency=afterany:4711" in report
    assert array[-3:] == report[-3:] == [str(SCRIPT), "mnist", "12"]


def test_a_task_of_the_array_runs_its_shard(submit):
    slurm = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_CPUS_PER_TASK": "4"}
    done, (call,) = submit("mnist", "12", **slurm)
    assert done.returncode == 0, done.stderr
    known = arguments(call)
    assert (known.body.__name__, known.suite, known.shard) == ("run", "mnist", "3/12")
    assert known.results.is_absolute()
    assert known.reports.is_absolute()


def test_the_last_job_reports_the_same_results(submit):
    done, (call,) = submit("suites/mine.toml", "12", SLURM_JOB_ID="8")
    assert done.returncode == 0, done.stderr
    known = arguments(call)
    assert (known.body.__name__, known.suite) == ("report", "mine")
    assert known.results.name == "results"


def test_the_script_says_how_it_is_used(submit):
    done, calls = submit()
    assert done.returncode != 0
    assert "usage: bash slurm_array.sh SUITE [SHARDS]" in done.stderr
    assert calls == []


@pytest.mark.parametrize("index", range(16))
def test_the_pods_of_the_job_are_the_shards(index):
    manifest = next(text for kind, _, text in blocks(PAGE) if kind == "yaml")
    (command,) = re.findall(r"- (exec python -m genbench .*)", manifest)
    assert "completions: 16" in manifest
    done = subprocess.run(
        ["bash", "-c", command.replace("exec python", "echo python")],
        env=os.environ | {"JOB_COMPLETION_INDEX": str(index)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert arguments(shlex.split(done.stdout)).shard == f"{index + 1}/16"
