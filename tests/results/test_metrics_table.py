"""The table of a suite: its types, and what is said of damage."""

import shutil

import pytest

from genbench.core.errors import StorageError
from genbench.results.metrics_table import health_of, read_table, suite_folder


def test_columns_are_typed_and_absent_values_are_nan(results):
    frame = read_table(results / "tiny")
    assert frame["value"].dtype == frame["stderr"].dtype == "float64"
    assert frame["seed"].dtype == "int64"
    assert str(frame["n"].dtype) == "Int64"
    ok = frame["status"] == "ok"
    assert frame.loc[ok, "value"].notna().all()
    assert frame.loc[~ok, "value"].isna().all()


def test_columns_that_older_results_lack_are_filled_in(results, rich_results):
    old, new = read_table(results / "tiny"), read_table(rich_results / "tiny")
    assert old["mc_stderr"].isna().all()
    assert set(old["health"]) == {"{}"}
    assert new["mc_stderr"].dtype == "float64"
    assert new["mc_stderr"].notna().any()
    assert {health_of(text).get("k_hat") for text in new["health"]} == {None, 0.41, 0.93}
    assert health_of("") == health_of(float("nan")) == {}


@pytest.mark.parametrize("health", ["{", "[1]", "7"])
def test_damaged_health_is_a_storage_error(rich_results, tmp_path, health):
    copied = shutil.copytree(rich_results, tmp_path / "results")
    path = copied / "tiny" / "metrics.csv"
    path.write_text(path.read_text().replace(",{}\n", f",{health}\n", 1))
    with pytest.raises(StorageError, match="is damaged: column health"):
        read_table(copied / "tiny")


def test_missing_suite_names_the_nearest_one(results):
    with pytest.raises(StorageError, match="did you mean 'tiny'"):
        suite_folder(results, "tinny")


def test_missing_results_folder_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(StorageError, match="genbench run --suite digits"):
        suite_folder(tmp_path / "nowhere", "digits")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: text.replace("train_id", "id", 1), "no column train_id"),
        (lambda text: "", "not a CSV table"),
        (lambda text: text.replace(",ok,", ",fine,", 1), "unknown status fine"),
        (lambda text: text + "x\n", "cut off"),
    ],
)
def test_damaged_table_is_a_storage_error(own_results, damage, words):
    path = own_results / "tiny" / "metrics.csv"
    path.write_text(damage(path.read_text()))
    with pytest.raises(StorageError, match=words):
        read_table(own_results / "tiny")


def test_ok_row_without_value_is_a_storage_error(own_results):
    path = own_results / "tiny" / "metrics.csv"
    path.write_text(path.read_text().replace("not_applicable", "ok"))
    with pytest.raises(StorageError, match="has no value"):
        read_table(own_results / "tiny")
