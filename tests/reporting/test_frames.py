import json
import shutil
import subprocess
import sys

import pytest

from genbench.core.errors import StorageError
from genbench.reporting import build_report, load_results
from genbench.results.records import load_suite
from genbench.results.run_folder import RunFolder
from genbench.results.metrics_table import health_of


def test_columns_are_typed_and_absent_values_are_nan(results):
    frame = load_results(results, "tiny")
    assert frame["value"].dtype == frame["stderr"].dtype == "float64"
    assert frame["seed"].dtype == "int64"
    assert str(frame["n"].dtype) == "Int64"
    ok = frame["status"] == "ok"
    assert frame.loc[ok, "value"].notna().all()
    assert frame.loc[~ok, "value"].isna().all()


def test_columns_that_older_results_lack_are_filled_in(results, rich_results):
    old, new = load_results(results, "tiny"), load_results(rich_results, "tiny")
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
        load_results(copied, "tiny")


def test_missing_suite_names_the_nearest_one(results):
    with pytest.raises(StorageError, match="did you mean 'tiny'"):
        load_results(results, "tinny")


def test_missing_results_folder_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(StorageError, match="genbench run --suite digits"):
        load_results(tmp_path / "nowhere", "digits")


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
        load_results(own_results, "tiny")


def test_ok_row_without_value_is_a_storage_error(own_results):
    path = own_results / "tiny" / "metrics.csv"
    path.write_text(path.read_text().replace("not_applicable", "ok"))
    with pytest.raises(StorageError, match="has no value"):
        load_results(own_results, "tiny")


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2, "name": "tiny"}', '{"schema": 1}'])
def test_damaged_suite_record_is_a_storage_error(own_results, content):
    (own_results / "tiny" / "suite.json").write_text(content)
    with pytest.raises(StorageError, match=r"suite\.json is damaged"):
        load_suite(own_results, "tiny")


@pytest.mark.parametrize("name", ["history.csv", "artifacts/figures.safetensors"])
def test_damaged_digest_is_a_storage_error_that_names_file_and_command(own_results, tmp_path, name):
    suite = json.loads((own_results / "tiny" / "suite.json").read_text())
    path = own_results / "tiny" / "runs" / suite["runs"][0]["train_id"] / name
    *content, last = path.read_bytes()
    path.write_bytes(bytes([*content, last ^ 1]))  # as long and as well-formed as before
    with pytest.raises(StorageError, match="python -m genbench run") as caught:
        build_report(own_results, tmp_path / "reports", "tiny")
    assert str(path) in str(caught.value)


def test_lost_file_of_a_run_is_a_storage_error(own_results):
    run = next((own_results / "tiny" / "runs").glob("*"))
    (run / "artifacts" / "figures.safetensors").unlink()
    with pytest.raises(StorageError, match=r"figures\.safetensors"):
        RunFolder(run).arrays()


def test_file_that_the_manifest_does_not_name_is_not_read(own_results):
    run = next((own_results / "tiny" / "runs").glob("*"))
    (run / "manifest.json").write_text(json.dumps({"files": {}}))
    assert RunFolder(run).arrays() == {}
    assert RunFolder(run).history() is None


def test_report_is_built_where_torch_cannot_be_imported(few_results, tmp_path):
    program = (
        "import sys, pathlib\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in ('torch', 'torchvision'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from genbench.reporting import build_report\n"
        "print(build_report(*map(pathlib.Path, sys.argv[1:3]), 'tiny'))\n"
    )
    command = [sys.executable, "-c", program, str(few_results), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tiny" / "index.html").is_file()
