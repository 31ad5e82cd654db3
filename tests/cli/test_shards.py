"""Shards of one suite at the same time, each in a process of its own, in one folder."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import Place

FORK = """
import json, os, sys

import torch

import genbench.cli
import genbench.reporting
import genbench.suites.run

torch.set_num_threads(1)
children = {}
for place, argv in enumerate(json.loads(sys.argv[1])):
    if not (child := os.fork()):
        os.dup2(os.open(f"told_{place}", os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = genbench.cli.main(argv)
        sys.stderr.flush()
        os._exit(code)
    children[child] = place
codes = {}
for child, place in children.items():
    codes[place] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([codes[place] for place in sorted(codes)]))
"""
MODELS = ("vae", "gan", "linear_gaussian")
RUNS = {f"{model} seed {seed}" for model in MODELS for seed in range(4)}


def at_once(place, shards, *more):
    """Run these shards at the same time; return their exit codes and what each said."""
    suite = ("--suite", place.suite, "--seeds", "4", "--device", "cpu", "--jobs", "1")
    argvs = [("run", *suite, "--shard", shard, *more) for shard in shards]
    done = subprocess.run(
        [sys.executable, "-c", FORK, json.dumps(argvs)],
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    told = [(place.folder / f"told_{i}").read_text() for i in range(len(shards))]
    return json.loads(done.stdout), told


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Four shards and a fifth process that repeats one of them."""
    place = Place(tmp_path_factory.mktemp("shared"))
    place.edit("epochs = 6", "epochs = 2")
    return place, *at_once(place, ["1/4", "2/4", "3/4", "4/4", "2/4"])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same suite by one process."""
    place = Place(tmp_path_factory.mktemp("alone"))
    place.edit("epochs = 6", "epochs = 2")
    assert at_once(place, ["1/1"])[0] == [0]
    return place


def test_shards_at_the_same_time_all_succeed(shared):
    _, codes, told = shared
    assert codes == [0] * 5, "\n".join(told)


def test_each_run_is_trained_once_however_many_shards_have_it(shared):
    _, _, told = shared
    done = [line.removesuffix(": done") for text in told for line in text.splitlines()
            if line.endswith(": done")]  # fmt: skip
    assert sorted(done) == sorted(RUNS)


def test_shards_leave_what_one_process_leaves(shared, alone):
    place, *_ = shared
    assert place.numbers() == alone.numbers()
    assert not [*place.results.rglob(".*.tmp")]


def test_the_page_is_made_by_the_last_one(shared, alone):
    place, _, told = shared
    report = place.folder / "reports" / "tiny"
    assert (report / "index.html").is_file()
    tables = [each / "table.md" for each in (report, alone.folder / "reports" / "tiny")]
    numbers = [table.read_text().partition("Budgets and selection")[0] for table in tables]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 1000
    assert not all("report when all shards are done" in text for text in told)


def test_a_shard_without_work_ends_well_and_says_so(place, command):
    asked = ("run", "--suite", "tiny.toml", "--device", "cpu", "--jobs", "1", "--shard", "9/9")
    done = command(*asked)
    assert (done.code, done.out) == (0, "")
    assert "shard 9/9: nothing to do, since there are fewer runs than shards" in done.err
    assert "0 of 3 runs and studies are stored; report when all shards are done" in done.err


@pytest.mark.parametrize("shard", ["0/4", "5/4", "a/b", "1/0"])
def test_what_is_no_shard_is_a_mistake_of_usage(place, command, shard):
    done = command("run", "--suite", "tiny.toml", "--shard", shard)
    assert (done.code, done.out) == (2, "")
    assert (
        done.err == f"genbench: shard: expected i/n with i from 1 to n, like 2/4; not '{shard}'\n"
    )


def test_a_dry_run_shows_the_part_of_the_shard(place, command):
    shards = [f"{i}/2" for i in (1, 2)]
    told = [command("run", "--suite", "tiny.toml", "--dry-run", "--shard", s).out for s in shards]
    models = [[line.split()[0] for line in text.splitlines() if "to do" in line] for text in told]
    assert sorted(map(len, models)) == [2, 3]  # the last line of each counts them
    listed = sorted(name for found in models for name in found if name != "to")
    assert listed == sorted(MODELS)
