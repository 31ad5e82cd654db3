"""Exit codes and messages of the command line, in this process."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from genbench import api, cli
from genbench.core.errors import ConfigError
from genbench.data.specs import datasets
from genbench.runs.run_options import RunOptions
from genbench.version import __version__

RUN = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu")
QUICK = (*RUN, "--set", "train.epochs=1")


@pytest.fixture(scope="module")
def template(kinds, tmp_path_factory):
    """Results of the tiny suite, to be copied."""
    from genbench.suites.run import run_suite

    place = kinds[0](tmp_path_factory.mktemp("template"))
    suite = str(place.folder / "tiny.toml")
    run_suite(RunOptions(suite, ("train.epochs=1",), results=place.results, device="cpu"))
    return place


@pytest.fixture
def done(place, template):
    shutil.copytree(template.results, place.results)
    return place


def table(place):
    with (place.results / "tiny" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- 0 -------------------------------------------------------------------------------------------


def test_run_prints_the_table_on_stdout_and_everything_else_on_stderr(place, command):
    found = command(*QUICK, "--models", "vae,linear_gaussian")
    assert found.code == 0
    assert "linear_gaussian" in found.out
    assert str(place.results.name) in found.out
    assert "seed 0: done" in found.err
    assert "seed 0: done" not in found.out


def test_verbose_says_when_each_run_was_done_and_when_all_was(place, command):
    found = command(*QUICK, "--models", "vae,linear_gaussian", "--verbose")
    lines = [re.fullmatch(r" *(\d+\.\d) s  (.+)", line) for line in found.err.splitlines()]
    seconds, said = [float(line[1]) for line in lines], [line[2] for line in lines]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert set(said[:-1]) == {"vae seed 0: done", "linear_gaussian seed 0: done"}
    assert said[-1] == "finished"


def test_the_table_on_stdout_shows_the_stored_numbers(done, command):
    found = command(*QUICK, "--verbose")
    (row,) = [
        r for r in table(done) if (r["model"], r["metric"]) == ("linear_gaussian", "log_likelihood")
    ]
    assert f"{float(row['value']):.1f}" in found.out
    assert "n/a" in found.out


def test_a_second_call_says_that_nothing_is_to_do_and_changes_no_file(done, command):
    command(*QUICK)
    before = done.state()
    found = command(*QUICK)
    assert found.code == 0
    assert found.err == "nothing to do: 3 runs stored (--fresh starts again)\n"
    assert done.state() == before


def test_the_summary_fits_and_ends_in_the_path_of_the_page(done, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = command("report", "--suite", "tiny")
    *lines, last = found.out.splitlines()
    assert last.startswith("report:")
    assert last.endswith("index.html")
    assert max(map(len, lines)) <= 80
    assert "reconstruction_mse" not in found.out
    whole = command("report", "--suite", "tiny", "--verbose").out
    assert "reconstruction_mse" in whole
    assert "\n".join(lines[:5]) in whole
    assert command(*QUICK).out.startswith("\n".join(lines[:5]))


def test_fresh_does_it_again(done, command):
    numbers = {k: v for k, v in done.numbers().items() if "/runs/" in k}
    found = command(*QUICK, "--fresh")
    assert found.code == 0
    assert found.err.count(": done") == 3
    assert {k: v for k, v in done.numbers().items() if "/runs/" in k} == numbers


def test_dry_run_writes_nothing(place, command):
    found = command(*RUN, "--dry-run")
    assert found.code == 0
    assert "\nto do: 3\nfolder: results/tiny/runs\n" in found.out
    assert sorted(os.listdir(place.folder)) == ["tiny.toml"]


def test_dry_run_knows_what_is_stored(done, command):
    before = done.state()
    found = command(*QUICK, "--dry-run")
    assert "\nstored: 3\n" in found.out
    assert done.state() == before


def test_dry_run_and_fresh_together_delete_nothing(done, command):
    before = done.state()
    assert "\nto do: 3\n" in command(*QUICK, "--dry-run", "--fresh").out
    assert done.state() == before


def test_one_model_then_another_gives_a_table_with_both(place, command):
    command(*QUICK, "--models", "linear_gaussian")
    assert {row["model"] for row in table(place)} == {"linear_gaussian"}
    found = command(*QUICK, "--models", "vae")
    assert list(dict.fromkeys(row["model"] for row in table(place))) == ["vae", "linear_gaussian"]
    assert "linear_gaussian" in found.out
    both = command(*QUICK, "--models", "vae, linear_gaussian")
    assert both.err.startswith("nothing to do: 2 runs stored")


def test_seeds_and_limit_reach_the_runs(place, command):
    found = command(*QUICK, "--models", "linear_gaussian", "--seeds", "2", "--limit", "60")
    assert found.code == 0
    rows = table(place)
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert {row["n"] for row in rows if row["status"] == "ok"} == {"60"}


def test_the_arguments_of_run_are_the_fields_of_its_options(monkeypatch):
    seen = []
    monkeypatch.setattr(api, "run_and_report", lambda options, say: seen.append(options) or 1 / 0)
    argv = "run --suite s.toml --set a=1 --set b=2 --models a,b --studies c --seeds 2 --limit 9"
    argv += " --until-decided"
    argv += " --data i --device cpu --data-dir d --results r --reports p --executor ray --jobs 3"
    argv += " --shard 1/2 --cpus-per-run 2 --gpus-per-run 0.5 --ray-address auto"
    argv += " --together --fresh --no-report --plugin mine.py"
    assert [cli.main(["run"]), cli.main(argv.split())] == [4, 4]
    default, given = seen
    assert default == RunOptions()
    same = [
        f.name for f in fields(RunOptions) if getattr(given, f.name) == getattr(default, f.name)
    ]
    assert same == []
    assert (given.settings, given.models, given.data_dir) == (["a=1", "b=2"], ("a", "b"), Path("d"))


def test_results_may_go_elsewhere(place, command):
    assert command(*QUICK, "--models", "linear_gaussian", "--results", "a/b").code == 0
    assert (place.folder / "a" / "b" / "tiny" / "metrics.csv").exists()
    assert not place.results.exists()


@pytest.mark.parametrize("what", ["models", "datasets", "evaluators", "studies", "suites"])
def test_list_says_what_there_is(command, place, what):
    found = command("list", what)
    assert found.code == 0
    expected = {"models": "beta_vae", "datasets": "kmnist", "evaluators": "iw_log_likelihood",
                "studies": "kl_examples", "suites": "digits"}  # fmt: skip
    assert expected[what] in found.out
    assert found.err == ""


def test_version(command, place):
    found = command("--version")
    assert (found.code, found.out) == (0, f"genbench {__version__}\n")


def test_doctor_names_versions_device_and_data(command, place):
    found = command("doctor", "--data-dir", "empty")
    for word in ("torch", "gpu", "data: mnist", "results folder"):
        assert word in found.out
    assert torch.__version__ in found.out
    assert "python -m genbench data fetch mnist --data-dir empty" in " ".join(found.out.split())


@pytest.mark.parametrize("name", ["results", "data"])
def test_doctor_says_that_a_file_is_no_folder(command, place, name):
    before = command("doctor", "--data-dir", "data")
    (place.folder / name).write_text("a file")
    found = command("doctor", "--data-dir", "data")
    assert (before.code, found.code) == (0, 2)
    assert " file" in found.out
    assert " file" not in before.out


# --- 2 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("run", "--suite", "digts"), "did you mean 'digits'"),
        ((*RUN, "--models", "vea"), "did you mean 'vae'"),
        ((*RUN, "--set", "evaluate.elbow={}"), "did you mean 'elbo'"),
        ((*RUN, "--set", "train.epoch=1"), "train.epoch: "),
        ((*RUN, "--set", "train.tf32=true"), 'tf32 = true is now precision = "tf32"'),
        ((*RUN, "--set", "model.vae.tf32=true"), 'tf32 = true is now precision = "tf32"'),
        ((*RUN, "--set", "train.precision=bf61"), "did you mean 'bf16'"),
        ((*RUN, "--set", "train.epochs"), "key=value"),
        ((*RUN, "--seeds", "0"), "seeds"),
        ((*RUN, "--limit", "0"), "data.limit"),
        ((*RUN, "--jobs", "0"), "jobs"),
        ((*RUN, "--executor", "cloud"), "executor"),
        ((*RUN, "--executor", "loca"), "did you mean 'local'"),
        ((*RUN[:-1], "tpu"), "device"),
        ((*RUN, "--set", "data.binarisation=none"), "data.binarisation"),
        (("data", "verify", "mnits"), "did you mean 'mnist'"),
    ],
)
def test_a_wrong_argument_is_code_2_and_names_what_is_right(place, command, argv, told):
    found = command(*argv)
    assert found.code == 2
    assert found.out == ""
    assert told in found.err
    assert found.err.startswith("genbench: ")
    assert 1 <= len(found.err.splitlines()) <= 10
    assert not place.results.exists() or not list(place.results.rglob("*.json"))


@pytest.mark.parametrize(
    "argv", [(), ("fly",), ("run", "--jobs", "many"), ("list",), ("list", "cats")]
)
def test_wrong_usage_is_code_2(place, command, argv):
    found = command(*argv)
    assert found.code == 2
    assert found.out == ""
    assert "usage:" in found.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_code_2(place, command):
    found = command(*RUN[:-1], "cuda")
    assert found.code == 2
    assert "--device cpu" in found.err


# --- 3 -------------------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch):
    """MNIST with one mirror, which refuses."""
    from dataclasses import replace

    refused = replace(datasets["mnist"], mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(datasets._entries, "mnist", refused)


def test_missing_data_is_code_3_and_says_where_to_put_them(place, command, offline):
    place.edit('name = "digits"', 'name = "mnist"')
    found = command(*RUN, "--data-dir", "empty")
    assert found.code == 3
    for word in ("train-images-idx3-ubyte.gz", "sha256", "127.0.0.1:9", "GENBENCH_DATA_DIR"):
        assert word in found.err
    assert len(found.err.splitlines()) <= 10
    assert not list(place.results.rglob("*.json"))


def test_damaged_data_are_code_3_and_name_the_repair(place, command, offline):
    place.edit('name = "digits"', 'name = "mnist"')
    folder = place.folder / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    found = command(*RUN, "--data-dir", "data")
    assert found.code == 3
    assert "damaged" in found.err
    assert "data fetch mnist --data-dir data" in found.err
    assert command("data", "verify", "mnist", "--data-dir", "data").code == 3


def test_verify_of_embedded_data_is_ok(place, command):
    found = command("data", "verify", "digits")
    assert found.code == 0
    assert "embedded" in found.out


def test_verify_says_what_is_missing_and_how_to_get_it(place, command):
    found = command("data", "verify", "--data-dir", "empty", "frey_faces", "digits")
    assert found.code == 3
    assert "missing" in found.out
    assert found.err == (
        "genbench: 1 of 2 files are missing or damaged;"
        " `python -m genbench data fetch frey_faces --data-dir empty` downloads them\n"
    )


# --- 4 -------------------------------------------------------------------------------------------


def test_a_diverged_run_is_code_4_and_the_others_are_stored(place, command):
    place.edit('recipe = "vae"\n', 'recipe = "vae"\nlearning_rate = 1e18\n')
    found = command(*QUICK)
    assert found.code == 4
    assert "1 of 3 runs did not finish" in found.err
    assert "step" in found.err
    statuses = {(row["model"], row["status"]) for row in table(place)}
    assert ("vae", "diverged") in statuses
    assert ("linear_gaussian", "ok") in statuses
    assert "linear_gaussian" in found.out
    before = place.state()
    again = command(*QUICK)
    assert again.code == 4
    assert place.state() == before


def test_a_failed_run_is_code_4_and_tried_again(place, command, monkeypatch):
    from genbench.runs import execute

    fit, calls = execute.fit, []

    def fail_once(*args):
        calls.append(args)
        if len(calls) == 1:
            raise RuntimeError("out of\nluck")
        return fit(*args)

    monkeypatch.setattr(execute, "fit", fail_once)
    found = command(*QUICK, "--models", "vae,linear_gaussian")
    assert found.code == 4
    assert "RuntimeError: out of" in found.err
    assert "luck" not in found.err
    assert command(*QUICK, "--models", "vae,linear_gaussian").code == 0


def test_an_internal_error_is_one_line_and_a_traceback_only_with_debug(place, command, monkeypatch):
    def broken(*args):
        raise KeyError("surprise")

    monkeypatch.setattr(api, "run_and_report", broken)
    found = command(*RUN)
    assert found.code == 4
    assert found.err.startswith("genbench: internal error: KeyError: 'surprise'")
    assert "Traceback" in command(*RUN, "--debug").err


# --- 5 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", ["results", "results/tiny"])
def test_a_file_where_the_folder_should_be_is_code_5_before_any_training(
    place, command, blocked, monkeypatch
):
    monkeypatch.setattr("genbench.runs.execute.fit", None)
    path = place.folder / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_text("in the way")
    found = command(*RUN)
    assert found.code == 5
    assert "results/tiny" in found.err
    assert path.read_text() == "in the way"


def test_a_full_disk_is_code_5_and_stops_the_suite(place, command, monkeypatch):
    import errno

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    from genbench.results.run_folder import RunFolder

    write = RunFolder.write

    def fill_the_disk_first(self, name, value):
        if name == "metrics.json":
            monkeypatch.setattr(os, "fsync", full)
        write(self, name, value)

    monkeypatch.setattr(RunFolder, "write", fill_the_disk_first)
    found = command(*QUICK)
    assert found.code == 5
    assert "No space left on device" in found.err
    assert "metrics.json" in found.err
    assert not list(place.results.rglob("*.tmp"))
    monkeypatch.undo()
    monkeypatch.chdir(place.folder)
    assert command(*QUICK).code == 0


def test_a_report_without_results_is_code_5_and_says_what_makes_them(place, command):
    found = command("report", "--suite", "tiny")
    assert found.code == 5
    assert "python -m genbench run --suite tiny" in found.err


# --- 130, 143 ------------------------------------------------------------------------------------


def test_an_interrupt_is_code_130(place, command, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_and_report", interrupted)
    found = command(*RUN)
    assert found.code == 130
    assert "run the same command to resume" in found.err


def test_a_termination_is_code_143(place, command, monkeypatch):
    monkeypatch.setattr(api, "run_and_report", lambda *a: os.kill(os.getpid(), signal.SIGTERM))
    assert command(*RUN).code == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("turned", [ImportError("initialization failed"), ConfigError("no")])
def test_a_signal_counts_where_an_import_makes_an_error_of_it(
    place, command, monkeypatch, number, code, turned
):
    def imports(*args):
        try:
            os.kill(os.getpid(), number)
            time.sleep(1)
        except BaseException:  # noqa: BLE001
            raise turned from None

    monkeypatch.setattr(api, "run_and_report", imports)
    found = command(*RUN)
    assert found.code == code
    assert "run the same command to resume" in found.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_the_last_message_kills_without_a_traceback(place, number):
    code = """
import os, sys
from genbench import cli
cli.note = lambda text: os.kill(os.getpid(), int(sys.argv[1]))
cli.main(["check", "--baseline", "no/such"])
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(int(number))], capture_output=True, text=True
    )
    assert found.returncode == -number
    assert found.stderr == ""


def test_ignored_signals_stay_ignored(place, command, monkeypatch):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    monkeypatch.setattr(api, "run_and_report", lambda *a: os.kill(os.getpid(), signal.SIGTERM))
    found = command(*RUN)
    assert signal.signal(signal.SIGTERM, before) == signal.SIG_IGN
    assert found.code != 143


# --- reports -------------------------------------------------------------------------------------


def test_run_writes_a_report_and_a_second_call_leaves_it_alone(done, command):
    argv = [a for a in QUICK if a != "--no-report"]
    first = command(*argv)
    page = done.folder / "reports" / "tiny" / "index.html"
    assert first.code == 0
    assert str(page.relative_to(done.folder)) in first.out
    written = page.stat().st_mtime_ns
    assert command(*argv).code == 0
    assert page.stat().st_mtime_ns == written


def test_stored_runs_state_the_command_without_this_machines_folders(done, command, tmp_path):
    command(*QUICK, "--results", str(done.results))
    stated = json.loads((done.results / "tiny" / "suite.json").read_text())["command"]
    assert stated == "python -m genbench run --suite tiny.toml --set train.epochs=1"
    assert str(tmp_path) not in stated
