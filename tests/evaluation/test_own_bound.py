"""The ELBO of models that draw from a bound of their own, as anybody may write one."""

import math

import numpy as np
import pytest
import torch

import genbench
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from tests.evaluation.helpers import N_LEVELS, outcome
from tests.inference.exact_models import SHAPE

SPREAD = 1.5
X = torch.rand(130, *SHAPE, generator=torch.Generator().manual_seed(0)).double()


class Own:
    """A bound that is the sum of the pixels on average."""

    def elbo_draws(self, x, n):
        return x.flatten(1).sum(1) + SPREAD * torch.randn(n, len(x), dtype=x.dtype)


@pytest.mark.parametrize("n", [4, 100])
def test_the_elbo_is_the_mean_of_its_draws_with_their_error(n):
    (row,) = outcome(Own(), "elbo", x=X, n_samples=n).rows
    assert (row.kind, row.status, row.n) == ("lower_bound", "ok", 130)
    mc_stderr = SPREAD / (130 * n) ** 0.5
    assert abs(row.value - float(X.flatten(1).sum(1).mean())) < 4 * mc_stderr
    assert row.mc_stderr == pytest.approx(mc_stderr, rel=0.25)


def test_one_draw_does_not_tell_its_error():
    (row,) = outcome(Own(), "elbo", x=X, n_samples=1).rows
    assert (row.status, row.mc_stderr) == ("ok", None)


def test_bits_per_dimension_are_those_of_the_same_draws():
    tasks = [make_task(name, {"n_samples": 3}) for name in ("bits_per_dim", "elbo")]
    context = Context(Own(), genbench.core.seeding.Stream(0), n_levels=N_LEVELS)
    bits, elbo = (result.rows[0] for result in evaluate_model(X, None, tasks, context))
    n_pixels = math.prod(SHAPE)
    expected = math.log2(N_LEVELS) - elbo.value / (n_pixels * math.log(2))
    assert bits.value == pytest.approx(expected, rel=1e-12)
    assert bits.mc_stderr == pytest.approx(elbo.mc_stderr / (n_pixels * math.log(2)), rel=1e-9)
    assert bits.kind == "upper_bound"


def test_a_users_own_bound_is_evaluated_and_checked():
    class Flat(Own):
        def elbo_draws(self, x, n):
            assert x.ndim == 2
            return super().elbo_draws(x, n).numpy()

    frame = genbench.evaluate(Flat(), X.numpy(), evaluators="elbo")
    assert frame.reason.tolist() == ["elbo_draws(x, n) was given x flat"]
    assert np.isclose(frame.value[0], X.flatten(1).sum(1).mean(), atol=0.2)
    checks = genbench.check_model(Own(), X).set_index("check").found
    assert checks["elbo_draws(x, n)"] == "a tensor (2, 8) of float64"
    assert checks["elbo"] == "can be computed"


def test_draws_of_another_shape_are_refused():
    class Wrong:
        def elbo_draws(self, x, n):
            return x.flatten(1).sum(1)

    frame = genbench.evaluate(Wrong(), X, evaluators="elbo", options={"elbo": {"n_samples": 3}})
    assert frame.status.tolist() == ["failed"]
    assert frame.reason[0] == (
        "elbo_draws(x, n) returned a tensor (100,) of float64;"
        " expected a tensor (3, 100), a row for each draw"
    )
