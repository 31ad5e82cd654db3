"""Calibration against exact answers: it passes, covers every evaluator, and sees what is broken."""

import contextlib
import dataclasses
import io
import json
import math
import signal
import time

import numpy as np
import pytest
import torch

import genbench.evaluation.runner  # noqa: F401  registers the evaluators
from genbench import cli, selftest
from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.core.held import tensors_in
from genbench.evaluation.runner import TaskResult
from genbench.evaluation.spec import NotApplicableError, evaluators
from genbench.inference import bounds
from genbench.models.densities import IndependentGaussian
from genbench.selftest import (
    annealed,
    check,
    densities,
    discrete,
    exact,
    generated,
    images,
    latent,
    linear,
)
from genbench.selftest.check import CalibrationCheck, Estimates, NotMeasuredError, run_evaluator

EXEMPT: dict[str, str] = {}
"""Evaluators without a check, each with the reason."""

KEYS = {
    "estimator", "case", "exact", "estimate", "stderr", "z", "tolerance", "claim", "verdict",
    "reason",
}  # fmt: skip

CHEAP = (linear.one_latent_dimension, densities.independent_pixels)

SMALLEST = {
    "active_units": latent.active_units,
    "active_units_sweep": latent.active_units,
    "ais_log_likelihood": annealed.bounded_latent,
    "authenticity": generated.neighbours,
    "bdmc_gap": annealed.bidirectional,
    "bits_per_dim": linear.true_posterior,
    "c2st": generated.shifted,
    "class_coverage": generated.pictures,
    "coverage": generated.neighbours,
    "density": generated.neighbours,
    "elbo": linear.trained_form,
    "fd": generated.gaussians,
    "fd_infinity": generated.gaussians,
    "inference_gap": latent.inference_gap,
    "iw_curve": linear.one_latent_dimension,
    "iw_extrapolated": discrete.many_draws,
    "iw_log_likelihood": linear.trained_form,
    "kid": generated.gaussians,
    "kl": linear.true_posterior,
    "kl_decomposition": latent.decomposition,
    "kl_per_dim": linear.true_posterior,
    "label_marginal_log_likelihood": linear.labels_summed_out,
    "log_likelihood": densities.independent_pixels,
    "memorisation_z": generated.memorisation,
    "mmd2": images.maximum_mean_discrepancy,
    "parzen_log_likelihood": images.parzen,
    "precision": generated.neighbours,
    "prior_bound": discrete.enumerated,
    "prior_log_likelihood": discrete.enumerated,
    "recall": generated.neighbours,
    "reconstruction_log_prob": linear.true_posterior,
    "reconstruction_mse": linear.true_posterior,
    "sliced_wasserstein": generated.gaussians,
    "vendi": generated.pictures,
}
"""A group in which each evaluator is checked, the quickest one."""


def shipped():
    return [n for n in evaluators if evaluators[n].function.__module__.startswith("genbench.")]


def estimator_of(name):
    return name.partition("[")[0]


@pytest.fixture(scope="module")
def calibration():
    """The whole command: exit code, rows, seconds."""
    before, out = signal.getsignal(signal.SIGTERM), io.StringIO()
    started = time.process_time()
    with contextlib.redirect_stdout(out):
        code = cli.main(["selftest", "--format", "json"])
    signal.signal(signal.SIGTERM, before)
    return code, json.loads(out.getvalue()), time.process_time() - started


@pytest.fixture
def few(monkeypatch):
    """Only groups that take no time, unless told which."""

    def choose(*groups):
        monkeypatch.setattr(selftest, "GROUPS", groups or CHEAP)

    choose()
    return choose


def test_every_estimate_is_within_four_standard_errors_of_the_exact_answer(calibration):
    code, rows, _ = calibration
    assert [row for row in rows if row["verdict"] != "ok"] == []
    assert code == 0


def test_every_evaluator_has_a_check(calibration):
    checked = {estimator_of(row["estimator"]) for row in calibration[1]}
    assert set(shipped()) - set(EXEMPT) == checked
    assert not set(EXEMPT) & checked


def test_calibration_takes_well_under_a_minute_of_one_core(calibration):
    assert calibration[2] < 40


def test_rows_are_plain_numbers_with_what_is_allowed_beside_them(calibration):
    _, rows, _ = calibration
    assert all(set(row) == KEYS for row in rows)
    assert all(math.isfinite(row["exact"]) and math.isfinite(row["estimate"]) for row in rows)
    assert len({(row["estimator"], row["case"]) for row in rows}) == len(rows)
    for row in rows:
        allowed = 4 * (row["stderr"] or 0) + row["tolerance"]
        assert abs(row["estimate"] - row["exact"]) <= allowed or row["claim"] != "="


def test_the_checks_are_sharp(calibration):
    """A standard error as large as the answer would let anything pass."""
    for row in calibration[1]:
        if row["stderr"] and row["claim"] == "=" and row["case"] != "one Gaussian twice":
            assert row["stderr"] < 0.25 * abs(row["exact"]), row
        assert row["tolerance"] <= 0.06 * max(abs(row["exact"]), 0.1), row


@pytest.mark.parametrize(("width", "line"), [("80", 2), ("200", 1)])
def test_the_table_is_text_by_default_and_fits(few, command, monkeypatch, width, line):
    monkeypatch.setenv("COLUMNS", width)
    found = command("selftest")
    assert found.code == 0
    header, *lines = found.out.splitlines()
    assert header.split()[:5] == ["exact", "estimate", "stderr", "z", "verdict"]
    assert "iw_log_likelihood: one latent dimension" in lines[line - 1]
    assert max(map(len, [header, *lines])) <= int(width)
    assert "ok (± 1e-10)" in found.out
    assert "all within 4 standard errors" in found.err


def test_the_same_numbers_come_again_whatever_the_threads(few, command):
    before = torch.get_num_threads()
    first = command("selftest", "--format", "json")
    torch.set_num_threads(before + 1)
    assert command("selftest", "--format", "json") == first
    assert torch.get_num_threads() == before + 1
    torch.set_num_threads(before)


def test_a_wrong_format_is_wrong_usage(command):
    assert command("selftest", "--format", "xml").code == 2


def test_it_runs_on_the_processor_unless_told(few, command, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "checks on the processor: all" in command("selftest").err


def test_a_device_that_is_not_there_is_wrong_usage(few, command):
    found = command("selftest", "--device", "cuda:99")
    assert (found.code, found.out, len(found.err.splitlines())) == (2, "", 1)
    assert found.err.startswith("genbench: device: 'cuda:99' ")


def test_the_evaluators_see_everything_on_the_device(monkeypatch):
    seen = set()

    def evaluate(x, y, tasks, context, description):
        held = (x, context.log_py, context.validation, *tensors_in(context.model))
        seen.update(
            (task.evaluator.name, t.device.type) for task in tasks for t in held if t is not None
        )
        raise NotMeasuredError(description, "nothing is evaluated")

    monkeypatch.setattr(check, "evaluate_model", evaluate)
    selftest.run_checks(device=torch.device("meta"))
    assert {tuple(devices) for _, *devices in seen} == {("meta",)}
    assert len(seen) > 8


def test_checks_leave_their_models_where_they_are(monkeypatch):
    model = IndependentGaussian((1, 2, 2))
    monkeypatch.setattr(check, "evaluate_model", lambda *_: [TaskResult([])])
    with check.evaluating_on(torch.device("meta")), pytest.raises(NotMeasuredError):
        run_evaluator(model, "log_likelihood", torch.zeros(3, 1, 2, 2))
    assert model.mean.device.type == "cpu"


def test_an_error_shows_its_traceback_only_with_debug(few, command):
    def broken():
        raise KeyError("surprise")
        yield

    few(broken)
    assert command("selftest").code == 4
    found = command("selftest", "--debug")
    assert (found.code, "Traceback" in found.err) == (4, True)


# --- what is broken is seen ----------------------------------------------------------------------


def wrong_rows(command):
    found = command("selftest", "--format", "json")
    rows = [row for row in json.loads(found.out) if row["verdict"] != "ok"]
    assert found.code == (4 if rows else 0)
    return rows


def break_function(monkeypatch, name, change):
    function = evaluators[name].function

    def broken(block, options):
        found = function(block, options)
        return dataclasses.replace(found, values=change(found.values))

    changed = dataclasses.replace(evaluators[name], function=broken)
    monkeypatch.setitem(evaluators._entries, name, changed)


def break_reduction(monkeypatch, name, change):
    reduce = evaluators[name].reduce

    def broken(values, options):
        found = reduce(values, options) if reduce else mean_and_stderr(values)
        if isinstance(found, Estimate):
            return change(found)
        return {part: change(estimate) for part, estimate in found.items()}

    changed = dataclasses.replace(evaluators[name], reduce=broken)
    monkeypatch.setitem(evaluators._entries, name, changed)


def break_number(monkeypatch, name):
    """Halve what an evaluator of samples returns."""
    function = evaluators[name].function

    def broken(images, options):
        found = function(images, options)
        return dataclasses.replace(found, value=found.value / 2)

    changed = dataclasses.replace(evaluators[name], function=broken)
    monkeypatch.setitem(evaluators._entries, name, changed)


@pytest.mark.parametrize("name", shipped())
def test_a_wrong_value_of_any_evaluator_is_code_4(few, command, monkeypatch, name):
    """The sign of each datum's value flipped; half the number where no datum has one of its own."""
    few(SMALLEST[name])
    if evaluators[name].of == "samples":
        break_number(monkeypatch, name)
    elif evaluators[name].reduce is evaluators["elbo"].reduce:
        break_function(monkeypatch, name, torch.neg)
    else:
        break_reduction(monkeypatch, name, lambda e: dataclasses.replace(e, value=e.value / 2))
    assert name in {estimator_of(row["estimator"]) for row in wrong_rows(command)}


def test_k_rounded_up_to_the_chunk_is_code_4(few, command, monkeypatch):
    weigh = bounds.importance_weights

    def rounded(model, x, k, chunk, stream, proposal="posterior"):
        return weigh(model, x, k + -k % (chunk or 1), chunk, stream, proposal)

    monkeypatch.setattr(bounds, "importance_weights", rounded)
    few(discrete.enumerated)
    wrong = wrong_rows(command)
    assert {row["case"] for row in wrong} >= {"discrete VAE, enumerated, K = 3 in chunks of 2"}
    assert {row["estimator"] for row in wrong} == {"iw_log_likelihood"}


def test_one_draw_for_all_k_is_code_4(few, command, monkeypatch):
    draw = bounds.draw
    monkeypatch.setattr(bounds, "draw", lambda q, k: draw(q, 1).expand(k, *draw(q, 1).shape[1:]))
    few(linear.one_latent_dimension)
    assert "iw_log_likelihood" in {row["estimator"] for row in wrong_rows(command)}


def test_a_monte_carlo_error_of_the_wrong_size_is_code_4(few, command, monkeypatch):
    variance = bounds.variance_of_mean
    monkeypatch.setattr(bounds, "variance_of_mean", lambda values: variance(values) * len(values))
    few(linear.wrong_posterior)
    (row,) = wrong_rows(command)
    assert (row["estimator"], "Monte-Carlo error" in row["case"]) == ("elbo", True)


def test_an_error_over_data_of_the_wrong_size_is_code_4(few, command, monkeypatch):
    break_reduction(monkeypatch, "log_likelihood", lambda e: dataclasses.replace(e, stderr=1.0))
    few(linear.true_posterior)
    (row,) = wrong_rows(command)
    assert row["case"].endswith("± over data")


@pytest.mark.parametrize(
    "broken",
    [
        lambda values: torch.full_like(values, math.nan),
        lambda values: torch.where(torch.arange(len(values)) == 0, math.inf, values),
    ],
)
def test_a_value_that_is_not_finite_is_code_4_and_json_stays_valid(
    few, command, monkeypatch, broken
):
    break_function(monkeypatch, "log_likelihood", broken)
    (row,) = wrong_rows(command)
    assert (row["estimate"], row["estimator"]) == (None, "log_likelihood")
    assert "non-finite" in row["reason"]
    found = command("selftest")
    assert "wrong" in found.out
    assert "log_likelihood" in found.err


def test_an_evaluator_that_does_not_apply_is_code_4(few, command, monkeypatch):
    def refuse(values):
        raise NotApplicableError("not this model")

    break_function(monkeypatch, "log_likelihood", refuse)
    (row,) = wrong_rows(command)
    assert (row["reason"], row["case"]) == ("not this model", "independent pixels")


# --- checks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "estimate", "passed"),
    [
        ("=", 1.39, True),
        ("=", 0.61, True),
        ("=", 1.41, False),
        ("=", 0.59, False),
        ("<=", 1.41, False),
        ("<=", -9.0, True),
        (">=", 0.59, False),
        (">=", 9.0, True),
        ("=", math.nan, False),
        ("<=", math.nan, False),
        (">=", math.inf, False),
    ],
)
def test_the_limit_is_four_standard_errors_on_the_side_that_counts(claim, estimate, passed):
    check = CalibrationCheck("e", "c", 1.0, estimate, stderr=0.1, claim=claim)
    assert check.passed is passed


def test_tolerance_is_added_to_the_standard_errors():
    assert CalibrationCheck("e", "c", 0.0, 0.5, stderr=0.1, tolerance=0.11).passed
    assert not CalibrationCheck("e", "c", 0.0, 0.5, tolerance=0.4).passed
    assert CalibrationCheck("e", "c", 2.0, 2.0).passed


def test_an_error_in_standard_errors_is_told_where_they_decide():
    assert CalibrationCheck("e", "c", 0.0, 0.5, stderr=0.25, tolerance=0.9).z == 2.0
    assert CalibrationCheck("e", "c", 0.0, 1e-14, stderr=1e-16, tolerance=1e-10).z is None


def estimates(*values):
    return Estimates("e", {}, np.array(values))


def test_an_identity_shows_the_datum_that_is_farthest_off():
    found = estimates(1.0, 2.5, 3.1).identity("c", np.array([1.0, 2.0, 3.0]))
    assert (found.exact, found.estimate, found.z, found.passed) == (2.0, 2.5, None, False)
    found = estimates(5.0, math.nan).identity("c", np.zeros(2))
    assert not found.passed


def test_an_expectation_takes_its_error_from_the_data():
    values = np.array([1.0, 3.0, 5.0, 7.0])
    found = estimates(*values).expectation("c", values - np.array([0.0, 1.0, 0.0, 1.0]))
    assert found.estimate - found.exact == pytest.approx(0.5)
    assert found.stderr == pytest.approx(math.sqrt(1 / 3) / 2)


def test_an_estimate_far_too_large_does_not_hide_behind_its_own_spread():
    values = np.linspace(1.0, 2.0, 200)
    values[0] = 30.0
    blind, seeing = estimates(*values).unbiased_weight("c", np.zeros(200))
    assert blind.passed
    assert not seeing.passed


def test_what_is_not_measured_says_why():
    with pytest.raises(NotMeasuredError, match="no prior"):
        run_evaluator(object(), "elbo", torch.zeros(3, 2))


# --- the exact side, in cases that are known by hand ---------------------------------------------


def test_enumeration_of_one_state_is_that_state():
    x = np.array([[1.0, 0.0]])
    tables = exact.enumerate_states(x, np.zeros((1, 2)), np.zeros(1), np.zeros((1, 1)))
    for bound in (tables.log_px(), tables.bound(1), tables.bound(3)):
        assert bound == pytest.approx(2 * math.log(0.5))
    assert tables.relative_variance() == pytest.approx(0)


def test_a_single_gaussian_has_no_information_in_its_code():
    found = exact.mixture_parts(np.full((5, 2), 0.7), np.array([0.5, 0.4]))
    assert (found["index_code_mi"], found["total_correlation"]) == pytest.approx((0, 0), abs=1e-9)
    kl = exact.diagonal_kl(np.full(2, 0.7), np.array([0.25, 0.16])).sum()
    assert found["dimension_wise_kl"] == pytest.approx(kl)


def test_codes_far_apart_carry_the_log_of_their_number():
    loc = np.array([[0.0, 0.0], [9.0, 9.0]])
    found = exact.mixture_parts(loc, np.array([0.1, 0.1]))
    assert found["index_code_mi"] == pytest.approx(math.log(2))
    assert found["total_correlation"] == pytest.approx(math.log(2))


def test_two_draws_of_the_true_posterior_lose_nothing():
    assert exact.two_draw_bound(0.0, 1.0) == pytest.approx(0, abs=1e-12)
    assert exact.gap_and_spread(np.zeros(2), 1.0) == pytest.approx((0, 0, 0), abs=1e-12)
    gap, spread, _ = exact.gap_and_spread(np.array([0.5]), 1.2)
    assert gap == pytest.approx(0.5 * (1.44 + 0.25 - 1) - math.log(1.2))
    assert spread == pytest.approx(0.5 * (1 - 1.44) ** 2 + 1.44 * 0.25)


def test_a_kernel_without_spread_is_its_value():
    assert exact.mean_kernel(np.array([3.0, 4.0]), 0.0, [5.0]) == pytest.approx(math.exp(-0.5))
