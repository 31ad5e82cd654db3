"""What may be compared, and what is called slower."""

import pytest

from genbench.bench.compare import LEAST_BAND, compare_row, compare_rows, require_comparable
from genbench.bench.rows import StoredRowsError
from genbench.core.errors import ExitCode


def refuse(old, new, machine=None):
    with pytest.raises(StoredRowsError) as caught:
        require_comparable(old, new, machine or new[0])
    assert caught.value.exit_code == ExitCode.BASELINE
    assert len(str(caught.value).splitlines()) <= 10
    return str(caught.value)


def test_equal_rows_compare_and_are_the_same(row):
    require_comparable([row()], [row()], row())
    found = compare_row(row(), row())
    assert (found["verdict"], found["speed_ratio"], found["corrected_ratio"]) == ("same", 1.0, 1.0)


def test_a_missing_benchmark_is_named(row):
    message = refuse([row(), row(task="iw")], [row()])
    assert message.startswith("missing: vae/iw/128/cpu/mnist/hidden=400/latent_dim=20")


def test_an_extra_benchmark_is_named(row):
    message = refuse([row()], [row(), row(batch_size=20)])
    assert message == "not in the old rows: vae/train/20/cpu/mnist/hidden=400/latent_dim=20"


def test_a_renamed_benchmark_is_named_with_both_names(row):
    message = refuse([row(recipe="vae")], [row(recipe="vae2")])
    assert "missing: vae/train/128" in message
    assert "renamed to vae2/train/128" in message


@pytest.mark.parametrize(
    "change",
    [
        {"device": "cuda"},
        {"data": "synthetic"},
        {"batch_size": 64},
        {"options": {"hidden": [400], "latent_dim": 32}},
        {"study": "seeds", "study_value": 2},
    ],
)
def test_rows_that_differ_in_a_setting_are_other_benchmarks(row, change):
    assert "missing: " in refuse([row(**change)], [row()])


def test_a_long_list_of_missing_benchmarks_is_cut(row):
    message = refuse([row(batch_size=n) for n in range(1, 30)], [row(batch_size=100)])
    assert "missing: 23 more" in message


def test_another_machine_is_refused_and_what_differs_is_named(row):
    message = refuse([row(fingerprint={"threads": 4})], [row()])
    assert "another machine" in message
    assert "threads: 4 -> 2" in message


def test_another_version_of_genbench_is_the_same_machine(row):
    require_comparable([row(fingerprint={"genbench": "0.0"})], [row()], row())


def test_a_row_that_lost_half_its_speed_is_slower(row):
    found = compare_row(row(), row(samples_per_s=8_000.0))
    assert found["verdict"] == "slower"
    assert found["speed_ratio"] == found["corrected_ratio"] == 0.5


def test_a_row_that_gained_is_faster(row):
    assert compare_row(row(samples_per_s=8_000.0), row())["verdict"] == "faster"


def test_a_busy_machine_is_not_a_slower_row(row):
    busy = row(samples_per_s=8_000.0, limit_samples_per_s=10_000.0)
    found = compare_row(row(), busy)
    assert found["verdict"] == "unclear"
    assert found["corrected_ratio"] == 1.0


def test_needless_products_are_not_excused_by_their_own_limit(row):
    wasteful = row(
        samples_per_s=8_000.0, limit_samples_per_s=10_000.0, flops_per_step=2 * 419_840_000
    )
    assert compare_row(row(), wasteful)["verdict"] == "slower"


@pytest.mark.parametrize(("share", "verdict"), [(1.001, "same"), (0.999, "slower")])
def test_the_least_band_is_where_the_verdict_changes(row, share, verdict):
    speed = 16_000.0 * (1 - LEAST_BAND) * share
    found = compare_row(row(relative_error=0.0), row(samples_per_s=speed, relative_error=0.0))
    assert found["verdict"] == verdict
    assert found["smallest_detectable_slowdown"] == pytest.approx(LEAST_BAND, rel=1e-12)


def test_a_noisy_row_needs_a_larger_loss(row):
    noisy = row(relative_error=0.3, samples_per_s=8_000.0)
    found = compare_row(row(), noisy)
    assert found["verdict"] == "unclear"  # the paired share is not noisy, the speed is
    assert found["smallest_detectable_slowdown"] > 0.5


def test_a_row_without_products_is_judged_by_its_speed_alone(row):
    plain = {"limit_samples_per_s": None, "share_of_limit": None, "share_relative_error": None}
    found = compare_row(row(**plain), row(samples_per_s=8_000.0, **plain))
    assert (found["verdict"], found["corrected_ratio"]) == ("slower", None)


def test_rows_are_matched_by_key_whatever_their_order(row):
    old = [row(), row(batch_size=20, samples_per_s=4_000.0)]
    found = compare_rows(old, [old[1] | {"samples_per_s": 1_000.0}, old[0]])
    assert [(r["batch_size"], r["verdict"]) for r in found] == [(20, "slower"), (128, "same")]
