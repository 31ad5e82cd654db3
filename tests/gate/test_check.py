"""Whole comparisons: results folders against baselines, their notes, and what is refused."""

import shutil

import numpy as np
import pytest

from genbench.core.errors import ConfigError, ExitCode, StorageError
from genbench.gate import BaselineError, check, update
from genbench.results.certified import Certificate, write_certificates
from tests.gate.tables import MACHINE, NUMBERS, table, train_id, write_results

LOST = NUMBERS | {("vae", "elbo"): [-26.9, -26.8]}


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path / "results", table())


@pytest.fixture
def path(tmp_path, results):
    update(tmp_path / "b.json", results, "tiny")
    return tmp_path / "b.json"


def test_the_same_results_pass_bit_for_bit(path, results):
    found = check(path, results)
    assert found.exit_code == ExitCode.OK
    assert {v.test for v in found.verdicts} == {"identical"}
    assert found.notes == ()


def test_a_lost_bound_fails_with_code_1(path, tmp_path):
    found = check(path, write_results(tmp_path / "new", table(LOST)))
    assert found.exit_code == ExitCode.REGRESSION
    assert [(v.then.model, v.then.metric) for v in found.having("worse")] == [("vae", "elbo")]


def test_a_gain_passes(path, tmp_path):
    gained = NUMBERS | {("vae", "elbo"): [-20.9, -20.8]}
    found = check(path, write_results(tmp_path / "new", table(gained)))
    assert found.exit_code == ExitCode.OK
    assert len(found.having("better")) == 1


def test_inconclusive_passes_unless_strict(path, tmp_path):
    noisy = NUMBERS | {("vae", "kl"): [9.0, 1.0]}
    results = write_results(tmp_path / "new", table(noisy))
    assert check(path, results).exit_code == ExitCode.OK
    assert check(path, results, strict=True).exit_code == ExitCode.REGRESSION


def test_other_key_sets_are_code_6_without_verdicts(path, tmp_path):
    fewer = {k: v for k, v in LOST.items() if k[1] != "kl"}
    found = check(path, write_results(tmp_path / "new", table(fewer)))
    assert found.exit_code == ExitCode.BASELINE
    assert [m.text for m in found.mismatches] == ["missing: vae kl (in the baseline only)"]
    assert found.verdicts == ()


def test_a_margin_replaces_that_of_the_baseline(path, tmp_path):
    results = write_results(tmp_path / "new", table(LOST))
    assert check(path, results, margins={"vae/elbo": 5.0}).exit_code == ExitCode.OK
    assert check(path, results, margins={"vae/kl": 5.0}).exit_code == ExitCode.REGRESSION


def test_a_misspelt_margin_is_no_margin_of_the_gate(path, tmp_path):
    results = write_results(tmp_path / "new", table(LOST))
    with pytest.raises(ConfigError, match="no number 'vae/elob'; did you mean 'vae/elbo'"):
        check(path, results, margins={"vae/elob": 5.0})


def test_a_margin_for_a_number_that_is_new_waits_for_the_number_to_be_accepted(path, tmp_path):
    results = write_results(tmp_path / "new", table(NUMBERS | {("gan", "accuracy"): [0.1, 0.2]}))
    assert check(path, results, margins={"gan/accuracy": 0.5}).exit_code == ExitCode.BASELINE


def test_other_bits_of_the_same_runs_on_the_same_machine_are_noted(path, tmp_path):
    moved = NUMBERS | {("vae", "elbo"): [-23.6100001, -23.57]}
    (note,) = check(path, write_results(tmp_path / "new", table(moved))).notes
    assert note.startswith(
        "1 numbers of the same runs on the same kind of machine differ in their bits"
    )


def test_another_machine_is_noted(path, tmp_path):
    moved = NUMBERS | {("vae", "elbo"): [-23.6100001, -23.57]}
    other = MACHINE | {"threads": 8}
    (note,) = check(path, write_results(tmp_path / "new", table(moved), machine=other)).notes
    assert note.startswith("the machine, number of threads or versions differ")


def test_runs_of_another_identity_are_noted(path, tmp_path):
    (note,) = check(path, write_results(tmp_path / "new", table(salt="epochs=1"))).notes
    assert note.startswith("4 of 4 numbers come from runs with another identity")


# --- per-datum values ----------------------------------------------------------------------------


def per_datum(shift):
    """Values of 40 data that differ far more between data than between runs."""
    hard = np.random.default_rng(0).normal(0.0, 5.0, 40)
    return {
        ("vae", seed): {"elbo": hard - hard.mean() - 23.6 + shift + 0.01 * seed} for seed in (0, 1)
    }


def with_values(root, shift):
    values = per_datum(shift)
    means = [float(values["vae", seed]["elbo"].mean()) for seed in (0, 1)]
    return write_results(root, table(NUMBERS | {("vae", "elbo"): means}), values)


def test_results_behind_the_baseline_make_the_comparison_paired(tmp_path):
    old, new = with_values(tmp_path / "old", 0.0), with_values(tmp_path / "new", -3.0)
    update(tmp_path / "b.json", old, "tiny")
    (alone,) = check(tmp_path / "b.json", new).having("worse")
    (beside,) = check(tmp_path / "b.json", new, baseline_results=old).having("worse")
    assert (alone.test, beside.test) == ("welch", "paired")


def test_values_of_other_runs_than_the_baselines_are_not_used(tmp_path):
    old, new = with_values(tmp_path / "old", 0.0), with_values(tmp_path / "new", -3.0)
    update(tmp_path / "b.json", old, "tiny")
    (found,) = check(tmp_path / "b.json", new, baseline_results=new).having("worse")
    assert found.test == "welch"


def test_damaged_values_are_a_storage_error(tmp_path):
    old, new = with_values(tmp_path / "old", 0.0), with_values(tmp_path / "new", -3.0)
    update(tmp_path / "b.json", old, "tiny")
    run = old / "tiny" / "runs" / train_id("vae", 0) / "artifacts" / "per_datum.safetensors"
    run.write_bytes(run.read_bytes()[:-1] + b"\x00")
    with pytest.raises(StorageError, match="damaged"):
        check(tmp_path / "b.json", new, baseline_results=old)


# --- what is refused -----------------------------------------------------------------------------


def test_a_run_without_its_manifest_is_still_being_written(path, results):
    (results / "tiny" / "runs" / train_id("vae", 1) / "manifest.json").unlink()
    with pytest.raises(StorageError, match="still being written"):
        check(path, results)


def test_a_table_of_other_runs_than_the_suites_is_still_being_written(path, results):
    table(salt="new").to_csv(results / "tiny" / "metrics.csv", index=False, lineterminator="\n")
    with pytest.raises(StorageError, match="still being written"):
        check(path, results)


def test_a_table_that_is_cut_off_is_damaged(path, results):
    file = results / "tiny" / "metrics.csv"
    file.write_text(file.read_text()[:-10])
    with pytest.raises(StorageError, match="cut off"):
        check(path, results)


def test_tables_without_run_folders_compare(path, results):
    shutil.rmtree(results / "tiny" / "runs")
    assert check(path, results).exit_code == ExitCode.OK


def test_results_of_another_suite_are_not_compared(path, tmp_path):
    other = write_results(tmp_path / "new", table(suite="other"))
    (other / "tiny").rename(other / "other")
    with pytest.raises(BaselineError, match="for suite 'tiny', the results are of 'other'"):
        check(path, other, "other")


def test_missing_results_are_a_storage_error(path, tmp_path):
    with pytest.raises(StorageError, match="no results of suite 'tiny'"):
        check(path, tmp_path / "nowhere")


def certify(results, *metrics, **changes):
    known = {
        "model": "vae", "recipe": "", "version": 1, "check": "sum", "expected": "at most 1",
        "found": 0.9, "tolerance": 0.01, "genbench": "0.1.0",
    }  # fmt: skip
    folder = results / "tiny"
    write_certificates(folder, [Certificate(metric=m, **known | changes) for m in metrics], ())


def test_likelihoods_without_a_certificate_fail_where_certificates_are_required(path, results):
    certify(results, "elbo")
    found = check(path, results, require=["certified"])
    assert found.exit_code == ExitCode.REGRESSION
    assert found.uncertified == ("vae bits_per_dim",)
    assert check(path, results).exit_code == ExitCode.OK


def test_numbers_that_claim_no_likelihood_need_no_certificate(path, results):
    certify(results, "elbo", "bits_per_dim")
    found = check(path, results, require=["certified"])
    assert (found.exit_code, found.uncertified) == (ExitCode.OK, ())


@pytest.mark.parametrize("changes", [{"version": 2}, {"recipe": "iwae"}, {"model": "ae"}])
def test_a_certificate_of_something_else_does_not_count(path, results, changes):
    certify(results, "elbo", "bits_per_dim", **changes)
    assert len(check(path, results, require=["certified"]).uncertified) == 2
