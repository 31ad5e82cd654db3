"""No cell of a stored table, and no fact about a run, can be edited unnoticed."""

import csv
import functools
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from genbench import cli
from genbench.core.errors import ExitCode, StorageError
from genbench.results import unedited
from genbench.results.suite import StoredSuite
from genbench.results.suite_folder import SuiteFolder
from tests.results.damages import at, change_json, places, reseal_all
from tests.results.stored import store

SIZES = "40+40+40 of 1097+200+500"
NUMERIC = ("seed", "value", "stderr", "mc_stderr", "n", "evaluator_version", "options", "health")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Results of a suite that was run, to be read only."""
    return store(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def results(kept, tmp_path):
    """A copy, to be edited."""
    return shutil.copytree(kept, tmp_path / "results")


@pytest.fixture
def read_once(monkeypatch):
    """Read each run once in a test that changes none."""
    monkeypatch.setattr(unedited, "contents_of", functools.cache(unedited.contents_of))


def cells(path, columns):
    """Every cell of these columns with a digit in it: (row of the file, column, an edited text)."""
    header, *rows = csv.reader(io.StringIO(path.read_text()))
    for place, row in enumerate(rows, 2):
        for column in columns:
            text = row[header.index(column)]
            if column in ("evaluator_version", "options") and not row[header.index("value")]:
                continue  # they are of no number, and only a seal holds them
            if digit := re.search(r"\d", text):
                other = "1" if digit[0] != "1" else "2"
                yield place, column, text[: digit.start()] + other + text[digit.end() :]


def edit(path, text, place, column, value):
    """Write the table with one cell changed."""
    rows = list(csv.reader(io.StringIO(text)))
    rows[place - 1][rows[0].index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def refusal(results):
    """What is said when the suite is opened; empty where it is accepted."""
    try:
        StoredSuite.open(results, "small")
    except StorageError as error:
        return str(error)
    return ""


def facts(results):
    """Every number that ``suite.json`` states about a run."""
    runs = json.loads((results / "small" / "suite.json").read_text())["runs"]
    for path in places(runs):
        value = at(runs, path)
        if type(value) in (int, float):
            yield ("runs", *path), value


def test_what_was_stored_is_accepted_with_and_without_its_seal_and_its_runs(results):
    assert refusal(results) == ""
    (results / "small" / "manifest.json").unlink()
    assert refusal(results) == ""
    shutil.rmtree(results / "small" / "runs")
    assert refusal(results) == ""


@pytest.mark.usefixtures("read_once")
def test_every_edited_number_of_the_table_is_refused_and_its_row_is_named(results):
    path = results / "small" / "metrics.csv"
    (results / "small" / "manifest.json").unlink()  # the runs alone tell
    text = path.read_text()
    edits = list(cells(path, NUMERIC))
    assert len(edits) > 150
    for place, column, value in edits:
        edit(path, text, place, column, value)
        assert f"metrics.csv, row {place} (" in refusal(results), (place, column, value)
    path.write_text(text)
    assert refusal(results) == ""


def test_every_edited_number_is_refused_where_the_runs_are_gone(results):
    folder = results / "small"
    shutil.rmtree(folder / "runs")
    table, record = folder / "metrics.csv", folder / "suite.json"
    text, stated = table.read_text(), record.read_text()
    sealed = SuiteFolder(folder)
    for place, column, value in cells(table, NUMERIC):
        edit(table, text, place, column, value)
        with pytest.raises(StorageError, match=r"metrics\.csv was edited"):
            sealed.require_unchanged()
    assert "metrics.csv" in refusal(results)
    table.write_text(text)
    for path, number in facts(results):
        change_json(record, path, number + 1)
        with pytest.raises(StorageError, match=r"suite\.json was edited"):
            sealed.require_unchanged()
        record.write_text(stated)
    change_json(record, ("runs", 0, "n_parameters"), 1)
    assert "suite.json was edited" in refusal(results)
    record.write_text(stated)
    assert refusal(results) == ""


@pytest.mark.usefixtures("read_once")
def test_edited_facts_about_a_run_are_refused_without_a_seal(results):
    record = results / "small" / "suite.json"
    (results / "small" / "manifest.json").unlink()
    stated = record.read_text()
    known = {
        "seed", "n_parameters", "selected_epoch", "epochs", "latent_dim", "learning_rate", "limit",
        "image_shape", "batch_size",
    }  # fmt: skip
    edits = [(path, number) for path, number in facts(results) if known & set(path)]
    assert {key for path, _ in edits for key in path} >= known
    for path, number in edits:
        change_json(record, path, number + 1)
        assert refusal(results), path
    record.write_text(stated)
    for key, value in (
        ("status", "failed"), ("model", "other"), ("recipe", "iwae"),
        ("protocol", f"digits@88b38590/dynamic(seed=0)/{SIZES} validation(seed=0)/mass"),
        ("protocol", f"digits@12345678/static(seed=0)/{SIZES} validation(seed=0)/mass"),
        ("protocol", f"digits@88b38590/static(seed=0)/{SIZES} validation(seed=0)/density"),
        ("protocol", f"digits@88b38590/static(seed=0)/{SIZES} validation(seed=0)/mass|label"),
        ("protocol", f"digits@88b38590/static(seed=0)/{SIZES} validation(seed=1)/mass"),
        ("protocol", f"digits@88b38590/static(seed=0)/{SIZES}/mass"),
    ):  # fmt: skip
        change_json(record, ("runs", 0, key), value)
        assert refusal(results), (key, value)
        record.write_text(stated)
    assert refusal(results) == ""


@pytest.mark.usefixtures("read_once")
def test_texts_that_decide_what_a_number_means_are_refused_too(results):
    path = results / "small" / "metrics.csv"
    (results / "small" / "manifest.json").unlink()
    text = path.read_text()
    for column, value in (
        ("unit", "bits"), ("better", "lower"), ("kind", "exact"), ("status", "failed"),
        ("reason", "as good as exact"), ("metric", "log_likelihood"), ("model", "cvae"),
        ("dataset", "mnist"), ("split", "validation"), ("suite", "other"),
        ("train_id", "0123456789ab"), ("options", '{"n_samples":5000}'),
        ("health", '{"k_hat":0.1}'), ("protocol", "digits@88b38590/grey/40+40+40/mass"),
    ):  # fmt: skip
        edit(path, text, 2, column, value)
        expected = "" if column == "suite" else "row 2 ("
        assert expected in refusal(results), column
    edit(path, text, 24, "value", "-20.0")  # of a run that diverged
    assert refusal(results)


@pytest.mark.usefixtures("read_once")
def test_rows_that_are_lost_or_stand_twice_are_refused(results):
    path = results / "small" / "metrics.csv"
    (results / "small" / "manifest.json").unlink()
    header, *rows = path.read_text().splitlines(keepends=True)
    for place, row in enumerate(rows):
        if ",ok," in row:
            path.write_text("".join([header, *rows[:place], *rows[place + 1 :]]))
            assert "metrics.csv has no row for (" in refusal(results), row
    path.write_text("".join([header, rows[0], *rows]))
    assert "row 3 (vae, seed 0, elbo)" in refusal(results)
    path.write_text("".join([header, *(row for row in rows if ",elbo," not in row)]))
    assert "no row for (vae, seed 0, elbo)" in refusal(results)


def test_check_report_and_compare_say_it_in_one_sentence(results, tmp_path, capsys):
    path = results / "small" / "metrics.csv"
    baseline = Path(__file__).parents[2] / "results" / "baselines" / "digits.json"
    where = ["--results", str(results)]
    commands = (
        ["check", "--baseline", str(baseline), "--suite", "small"],
        ["report", "--suite", "small", "--reports", str(tmp_path / "reports")],
        ["compare", "small:vae", "small:cvae"],
    )
    stored = next(csv.DictReader(io.StringIO(path.read_text())))["value"]
    edit(path, path.read_text(), 2, "value", "-20.5")
    for command in commands:
        capsys.readouterr()
        assert cli.main([*command, *where]) == ExitCode.STORAGE
        said = capsys.readouterr()
        assert said.err.splitlines() == [
            f"genbench: {path}, row 2 (vae, seed 0, elbo): value is -20.5, the run stored {stored};"
            " running the suite again writes it anew"
        ]
        assert said.out == ""
    assert not (tmp_path / "reports").exists()


def test_a_forged_run_of_another_identity_is_refused(results):
    folder = results / "small"
    run = json.loads((folder / "suite.json").read_text())["runs"][0]["train_id"]
    spec = folder / "runs" / run / "spec.json"
    change_json(spec, ("options", "latent_dim"), 200)
    reseal_all(folder)
    assert "spec.json is of another run" in refusal(results)


def test_a_run_that_is_being_redone_is_passed_over(results):
    for manifest in (results / "small" / "runs").glob("*/manifest.json"):
        manifest.unlink()
    assert refusal(results) == ""


@pytest.mark.parametrize("of_all", [False, True])
def test_a_file_in_place_of_a_run_or_of_all_runs_is_damage(results, of_all):
    runs = results / "small" / "runs"
    folder = runs if of_all else next(runs.iterdir())
    shutil.rmtree(folder)
    folder.write_text("")
    assert "is damaged: it is no folder" in refusal(results)


def test_a_run_that_another_command_just_did_again_is_accepted(results):
    """Its seconds are others than those of the table, which is not written yet."""
    (results / "small" / "manifest.json").unlink()
    provenances = sorted((results / "small" / "runs").glob("*/provenance.json"))
    for path in provenances:
        change_json(path, ("train_seconds",), 99.0)
        change_json(path, ("evaluate_seconds",), 99.0)
        change_json(path, ("device",), "NVIDIA H100")
    reseal_all(results / "small")
    assert provenances
    assert refusal(results) == ""
