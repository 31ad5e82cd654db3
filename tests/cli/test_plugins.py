"""``--plugin``: a file of one's own on the command line, in several processes, and without it."""

import json

import pytest

import genbench
from genbench.core.errors import ConfigError, ExitCode
from genbench.core.files import sha256_bytes

HELPER = """
from genbench import Options


class Width(Options):
    width: int = 3
"""
PLUGIN = '''
import numpy as np

import genbench
from genbench.recipes import Built, DataFacts, TrainConfig, recipes
from plugin_helper import Width


@genbench.recipe("mine")
def mine(data: DataFacts, options: Width, train: TrainConfig) -> Built:
    """My own model."""
    theirs = recipes["linear_gaussian"]
    return theirs.build(data, theirs.options(latent_dim=options.width), train)


@genbench.dataset("stripes", levels=4)
def stripes():
    """Bars of four levels."""
    images = np.random.default_rng(0).integers(0, 4, (120, 6, 6))
    return {"x_train": images[:80], "x_test": images[80:]}


@genbench.evaluator(
    name="ink", needs="sample", unit="share", better="lower", kind="estimate", margin=0.01
)
def ink(block):
    """Mean intensity of the samples."""
    return block.model.sample(len(block.x)).flatten(1).mean(dim=1)
'''
SUITE = """
seeds = 2

[data]
name = "stripes"
dequantisation = "uniform"

[[model]]
recipe = "mine"
width = 2

[[model]]
recipe = "linear_gaussian"
latent_dim = 1

[evaluate]
metrics = ["ink", "log_likelihood"]
"""


RUN = ("run", "--suite", "striped.toml", "--device", "cpu")
WITH = ("--plugin", "code/my_models.py")


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A plugin, a module beside it, and a suite of what it defines."""
    folder = tmp_path_factory.mktemp("striped")
    (folder / "code").mkdir()
    (folder / "code" / "plugin_helper.py").write_text(HELPER)
    (folder / "code" / "my_models.py").write_text(PLUGIN)
    (folder / "striped.toml").write_text(SUITE)
    return folder


@pytest.fixture(scope="session")
def elsewhere(files, server, kinds):
    """Run a command in a process of its own, beside the files."""
    _, running = kinds
    told = {name: str(files / name) for name in ("stdout", "stderr")}

    def call(*argv, first=""):
        job = {"argv": argv, "cwd": str(files), "first": first, **told}
        return running(server, job).wait()

    return call


@pytest.fixture(scope="session")
def folder(files, elsewhere):
    """The suite, run in two processes and reported; once for a session, since it takes seconds."""
    done = elsewhere(*RUN, *WITH, "--jobs", "2")
    assert done.code == 0, done.err
    return files


def test_recipes_data_and_metrics_of_a_file_run_in_several_processes(folder):
    record = json.loads((folder / "results" / "striped" / "suite.json").read_text())
    assert [run["recipe"] for run in record["runs"]] == ["mine"] * 2 + ["linear_gaussian"] * 2
    assert {run["status"] for run in record["runs"]} == {"ok"}
    command = "python -m genbench run --suite striped.toml --plugin my_models.py"
    assert record["command"] == command
    assert command in (folder / "reports" / "striped" / "index.html").read_text()


def test_the_digest_of_the_file_is_recorded_with_each_run_and_is_no_part_of_its_identity(folder):
    digest = sha256_bytes((folder / "code" / "my_models.py").read_bytes())
    runs = list((folder / "results" / "striped" / "runs").iterdir())
    assert len(runs) == 4
    for run in runs:
        provenance = json.loads((run / "provenance.json").read_text())
        assert provenance["plugins"] == {"my_models.py": digest}
        assert digest not in (run / "spec.json").read_text()


@pytest.mark.usefixtures("folder")
def test_the_same_command_again_does_nothing(elsewhere):
    again = elsewhere(*RUN, *WITH, "--dry-run")
    assert (again.code, again.err) == (0, "")
    assert "stored: 4" in again.out


def test_without_the_file_its_names_are_unknown(files, command, monkeypatch):
    monkeypatch.chdir(files)
    without = command(*RUN)
    assert without.code == ExitCode.USAGE
    assert "unknown recipe 'mine'" in without.err
    metric = command("run", "--set", 'evaluate.metrics=["ink"]', "--dry-run")
    assert "evaluate.metrics: unknown evaluator 'ink'; " in metric.err
    data = command("data", "describe", "stripes")
    assert "unknown data set 'stripes'; " in data.err
    for answer in (without.err, metric.err, data.err):
        assert "; one of your own is known once its file is named by --plugin" in answer


def test_reports_comparisons_and_the_gate_need_no_plugin(folder, command, monkeypatch):
    monkeypatch.chdir(folder)
    assert command("report", "--suite", "striped").code == 0
    compared = command("compare", "striped:mine", "striped:linear_gaussian", "--format", "json")
    assert "ink" in {line["metric"] for line in json.loads(compared.out)["lines"]}
    check = ("check", "--baseline", "striped.json")
    assert command(*check, "--suite", "striped", "--update").code == 0
    same = command(*check)
    assert (same.code, same.out.count(" ink ")) == (0, 2)
    entries = json.loads((folder / "striped.json").read_text())["metrics"]
    assert {e["margin"] for e in entries if e["metric"] == "ink"} == {0.01}


def test_the_gate_turns_red_when_a_metric_of_the_file_moves(
    folder, elsewhere, command, monkeypatch
):
    monkeypatch.chdir(folder)
    assert command("check", "--baseline", "b.json", "--suite", "striped", "--update").code == 0
    file = folder / "code" / "my_models.py"
    file.write_text(PLUGIN.replace(".mean(dim=1)", ".mean(dim=1) + 0.2"))
    try:
        moved = elsewhere(*RUN, *WITH, "--results", "moved", "--no-report")
    finally:
        file.write_text(PLUGIN)
    assert moved.code == 0, moved.err
    found = command("check", "--baseline", "b.json", "--results", "moved")
    assert found.code == ExitCode.REGRESSION, found.out
    verdicts = [line.split()[0] for line in found.out.splitlines() if " ink " in line]
    assert verdicts == ["worse", "worse"]


@pytest.mark.parametrize("key", ["plugin", "plugins"])
def test_a_suite_file_cannot_name_code(tmp_path, command, key):
    (tmp_path / "code.py").write_text("raise SystemExit('this was run')\n")
    (tmp_path / "suite.toml").write_text(f'{key} = ["code.py"]\n[data]\nname = "digits"\n')
    found = command("run", "--suite", tmp_path / "suite.toml", "--dry-run")
    assert found.code == ExitCode.USAGE
    assert f"{key}: unknown key: a suite file cannot run code; " in found.err


@pytest.mark.usefixtures("own_registries")
def test_a_stored_model_of_the_file_is_loaded_with_it(folder):
    with pytest.raises(ConfigError, match=r"unknown recipe 'mine'; .* --plugin, or imported"):
        genbench.load_model("striped", "mine", results=folder / "results")
    file = folder / "code" / "my_models.py"
    model = genbench.load_model("striped", "mine", results=folder / "results", plugins=file)
    assert model.sample(3).shape == (3, 1, 6, 6)


def test_list_shows_what_a_file_registers(elsewhere):
    wide = "import os; os.environ['COLUMNS'] = '200'"
    kinds = ("models", "datasets", "evaluators")
    listed = "".join(elsewhere("list", kind, *WITH, first=wide).out for kind in kinds)
    lines = [" ".join(line.split()) for line in listed.splitlines()]
    assert "mine My own model. (my_models.py)" in lines
    assert "stripes Bars of four levels. (my_models.py)" in lines
    described = "Mean intensity of the samples. (my_models.py)"
    assert f"ink v1 share lower estimate {described}" in lines


def test_an_error_in_a_file_is_one_line_and_a_traceback_only_on_demand(
    tmp_path, command, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("import genbench\n\nprint(genbnch)\n")
    short = command("run", "--plugin", "broken.py")
    assert (short.code, short.out) == (ExitCode.USAGE, "")
    assert short.err == "genbench: broken.py:3: NameError: name 'genbnch' is not defined\n"
    long = command("run", "--plugin", "broken.py", "--debug")
    assert long.code == ExitCode.USAGE
    assert "Traceback" in long.err
