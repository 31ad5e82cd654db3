"""The coverage of every stated error: 95 % intervals, over many repetitions, of exact models.

Data are independent, and so are their draws. So one evaluation of R times N data is R repetitions:
of other data for the error over data, of the same data for the Monte-Carlo error. Each repetition
goes through the runner's own reduction. The expectation is the mean over all repetitions.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch.distributions import Independent, Normal, StudentT

from genbench.core.seeding import Stream, generator
from genbench.core.statistics import NORMAL_REACH
from genbench.evaluation.collection import Collected
from genbench.evaluation.runner import _finish, make_task
from genbench.evaluation.spec import Block, Context, evaluators
from genbench.models.linear_gaussian import LinearGaussian
from tests.draws import randn
from tests.evaluation.helpers import (
    HELD_OUT,
    N_LEVELS,
    SHARED_DRAWS,
    Conditional,
    Everything,
    outcome,
    without,
)
from tests.evaluation.linear_vae import LinearVae

PIXELS = (1, 1, 3)


def data(n):
    """Independent data (n, 1, 1, 3) with two strong directions and noise."""
    mixing = torch.tensor([[1.5, 1.0, -0.5], [0.2, -0.8, 1.0]], dtype=torch.float64)
    flat = randn(n, 2, seed=1) @ mixing + 0.5 * randn(n, 3, seed=2)
    return flat.reshape(n, *PIXELS)


LINEAR = LinearGaussian(2, PIXELS)
LINEAR.fit(data(1000))
NEAR = Everything(LINEAR, shift=0.1, widen=1.2)
UNKNOWN = without(NEAR, "log_prob")


MIXED = LinearVae(widen=3.0)
MIXED.V = torch.tensor([[1, 0.8, 0], [0, 1, 0.5], [0.7, 0, 1]]).double() @ MIXED.V


class HeavyTailed(Everything):
    """A posterior whose KL to the prior has no closed form in torch."""

    def posterior(self, x):
        q = super().posterior(x).base_dist
        return Independent(StudentT(6.0, q.loc, 0.8 * q.scale, validate_args=False), 1)


class ManyDimensions:
    """300 codes whose variances, from 0.0014 to 0.074, straddle the threshold of 0.01."""

    def posterior(self, x):
        codes = 0.1 * x.flatten(1)
        return Independent(Normal(codes, torch.ones_like(codes), validate_args=False), 1)


def codes(n):
    """The data of :class:`ManyDimensions`."""
    return (randn(n, 300, seed=7) * torch.linspace(-1, 1, 300).double().exp()).reshape(n, 1, 1, 300)


def moved(n):
    """Data that differ from the samples of the model: else the error of MMD is √2 too large."""
    return data(n) + 1.0


def shuffled(n):
    """2000 data again and again, in another order: a code is drawn of one in ten."""
    order = torch.rand(max(1, n // 2000), 2000, generator=generator(0, "order")).argsort(dim=1)
    return MIXED.draw(2000)[order.flatten()]


@dataclass(frozen=True)
class Case:
    """How the errors of an evaluator are checked.

    Attributes:
        model: An exact one.
        options: Of the evaluator.
        few: Other options for the error over data, which needs more data and fewer draws.
        n: Data of one repetition, for the error over data.
        repetitions: How many.
        no_mc: Why the number has no Monte-Carlo error; empty where it has one.
        data: n independent data.
    """

    model: Any = NEAR
    options: dict[str, Any] = field(default_factory=dict)
    few: dict[str, Any] = field(default_factory=dict)
    n: int = 200
    repetitions: int = 1000
    no_mc: str = ""
    data: Any = data


PLAIN = {"proposal": "posterior"}
NOT_DRAWN = "nothing is drawn"
ANNEALED = {
    "n_chains": 6, "n_temperatures": 3, "n_leapfrog": 1, "start": "posterior", "n_data": None
}  # fmt: skip
FEW_CHAINS = ANNEALED | {"n_chains": 2}
GAPS = {"n_steps": 20, "n_samples": 30, "n_data": None}
ROTATED = LinearVae(shift=0.5)
UNTOLD = {"inference_gap[approximation]"}
"""Numbers whose draws do not tell their Monte-Carlo error, which say so."""
CASES = {
    "active_units": Case(ManyDimensions(), {}, {}, 60, 400, NOT_DRAWN, codes),
    "active_units_sweep": Case(
        ManyDimensions(), {"thresholds": (0.007, 0.01)}, {}, 60, 400, NOT_DRAWN, codes
    ),
    "ais_log_likelihood": Case(UNKNOWN, ANNEALED, FEW_CHAINS, 100, 300),
    "bdmc_gap": Case(UNKNOWN, FEW_CHAINS, {}, 100, 300, "the data are drawn too"),
    "bits_per_dim": Case(UNKNOWN, {"n_samples": 5}, {"n_samples": 2}),
    "elbo": Case(NEAR, {"n_samples": 5}, {"n_samples": 2}),
    "inference_gap": Case(ROTATED, GAPS, {}, 100, 1000, data=ROTATED.draw),
    "iw_curve": Case(NEAR, PLAIN | {"n_samples": 16}, {"n_samples": 4}),
    "iw_extrapolated": Case(Everything(LINEAR, 0.0, 1.05), PLAIN | {"n_samples": 16}, {}, 60),
    "iw_log_likelihood": Case(NEAR, {"n_samples": 20}, PLAIN | {"n_samples": 4}),
    "kl": Case(HeavyTailed(LINEAR), {"n_samples": 5}, {"n_samples": 2}),
    "kl_decomposition": Case(MIXED, {"n_draws": 200}, {}, 2000, 800, "± is over draws", shuffled),
    "kl_per_dim": Case(no_mc=NOT_DRAWN),
    "label_marginal_log_likelihood": Case(
        Conditional(LINEAR, 0.05, 1.2), PLAIN | {"n_samples": 8}, {"n_samples": 3}, 100
    ),
    "log_likelihood": Case(no_mc=NOT_DRAWN),
    "mmd2": Case(NEAR, {"bandwidth": 2.0}, {}, 60, 400, "over data and samples", moved),
    "parzen_log_likelihood": Case(
        NEAR, {"n_samples": 200, "scale": 1.0}, {}, no_mc="all data share the samples"
    ),
    "prior_bound": Case(NEAR, {"n_samples": 200}, {}, 100, 600),
    "prior_log_likelihood": Case(NEAR, {"n_samples": 20}, {"n_samples": 4}),
    "reconstruction_log_prob": Case(NEAR, {"n_samples": 5}, {"n_samples": 2}),
    "reconstruction_mse": Case(no_mc=NOT_DRAWN),
}
"""One of each evaluator, so that none states an error that nobody has checked."""

IN_SAMPLES = {
    "authenticity": "memorisation",
    "c2st": "two_samples",
    "class_coverage": "classes",
    "coverage": "balls",
    "density": "balls",
    "fd": "frechet",
    "fd_infinity": "frechet",
    "kid": "kid",
    "memorisation_z": "memorisation",
    "precision": "balls",
    "recall": "balls",
    "sliced_wasserstein": "sliced",
    "vendi": "vendi",
}
"""Evaluators of samples: their errors are measured where they are computed, over resamples."""


def rows_of_repetitions(name, case, x, n, options):
    """Evaluate all data at once; return the rows of each repetition of n data.

    Where all data share their draws, each repetition is evaluated by itself.
    """
    if name in SHARED_DRAWS:
        asked = case.options | options
        parts = enumerate(x.split(n))
        return [outcome(case.model, name, x=part, seed=i, **asked).rows for i, part in parts]
    n_classes = getattr(case.model, "n_classes", None)
    uniform = n_classes and torch.full((n_classes,), -math.log(n_classes), dtype=torch.float64)
    stream, task = Stream(0, ("coverage",)), make_task(name, case.options | options)
    context = Context(case.model, stream, HELD_OUT, N_LEVELS, uniform)
    with torch.no_grad():
        piece = task.evaluator.values(Block(case.model, x, stream, context), task.options)
        return [_finish(task, part, stream).rows for part in repetitions(piece, n)]


def repetitions(piece, n):
    """Split an evaluation into those of n data each."""
    variances = piece.mc_variance
    of_each = [None] * (len(piece.values) // n) if variances is None else variances.split(n)
    for values, variance in zip(piece.values.split(n), of_each, strict=True):
        part = Collected()
        part.add(replace(piece, values=values, mc_variance=variance, health={}), n)
        yield part


def require_coverage(rows, error):
    """For each metric, value ± 1.96 errors holds the mean over repetitions in 93 to 97 %."""
    found = {}
    for of_metric in zip(*rows, strict=True):
        assert {row.status for row in of_metric} == {"ok"}, of_metric[0].reason
        value = torch.tensor([row.value for row in of_metric], dtype=torch.float64)
        if {getattr(row, error) for row in of_metric} == {None}:
            assert of_metric[0].metric in UNTOLD
            assert "draws do not tell" in of_metric[0].reason
            continue
        stated = torch.tensor([getattr(row, error) for row in of_metric], dtype=torch.float64)
        off = (value - value.mean()).abs()
        found[of_metric[0].metric] = float((off <= NORMAL_REACH * stated).double().mean())
    assert {metric: share for metric, share in found.items() if not 0.93 <= share <= 0.97} == {}


def test_every_evaluator_has_a_case():
    shipped = {name for name in evaluators if evaluators[name].is_shipped}
    assert set(CASES) | set(IN_SAMPLES) == shipped
    assert {name for name in shipped if evaluators[name].of == "samples"} == set(IN_SAMPLES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_error_over_data_covers_the_expectation(name):
    case = CASES[name]
    x = case.data(case.repetitions * case.n)
    require_coverage(rows_of_repetitions(name, case, x, case.n, case.few), "stderr")


@pytest.mark.parametrize("name", [name for name, case in sorted(CASES.items()) if not case.no_mc])
def test_the_monte_carlo_error_covers_the_expectation(name):
    case, n = CASES[name], 50
    x = case.data(n).repeat(case.repetitions, 1, 1, 1)
    require_coverage(rows_of_repetitions(name, case, x, n, {}), "mc_stderr")


@pytest.mark.parametrize("name", [name for name, case in sorted(CASES.items()) if case.no_mc])
def test_no_other_number_states_a_monte_carlo_error(name):
    case = CASES[name]
    (rows,) = rows_of_repetitions(name, case, case.data(case.n), case.n, {})
    assert {row.mc_stderr for row in rows} == {None}
