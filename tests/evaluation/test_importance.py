"""The bounds from importance weights as evaluators report them."""

import math

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.inference.proposals import N_PILOT
from tests.evaluation.helpers import (
    LINEAR,
    Everything,
    N,
    X,
    only,
    outcome,
    outcomes,
)
from tests.inference.exact_models import Counting, DiscreteVae, WrongPosterior

LOG_PX = LINEAR.log_prob(X)
WEIGHTED = ["iw_log_likelihood", "prior_log_likelihood"]


def options_for(names, **options):
    return dict.fromkeys(names, options)


def repeated(model, name, n=100, k=64, **options):
    """Values of a discrete model (n, 32) and exact log p(x)."""
    x = DiscreteVae.all_data()
    found = outcome(model, name, x=x.repeat(n, 1), n_samples=k, **options)
    return found.per_datum.reshape(n, -1), DiscreteVae().log_px(x)


# --- health ---


@pytest.mark.parametrize("name", WEIGHTED)
def test_weighted_numbers_come_with_their_health(name):
    row = only(outcome(Everything(), name, n_samples=50))
    assert {"ess", "ess_min", "max_weight", "k_hat", "k_hat_bad"} <= set(row.health)
    assert 1 <= row.health["ess"] <= 50
    assert 1 / 50 <= row.health["max_weight"] <= 1
    assert row.mc_stderr > 0


def test_the_health_of_the_true_posterior_is_perfect():
    row = only(outcome(LINEAR, "iw_log_likelihood", n_samples=50))
    assert row.health["ess"] == pytest.approx(50, rel=1e-9)
    assert row.health["max_weight"] == pytest.approx(1 / 50, rel=1e-9)
    assert "k_hat" not in row.health  # equal weights have no tail
    assert row.mc_stderr < 1e-8


def test_a_narrow_posterior_is_flagged():
    """q of half the posterior's width: the weights have no variance, k-hat is above 0.7."""
    options = {"n_samples": 400, "proposal": "posterior"}
    row = only(outcome(WrongPosterior(LINEAR, 0.0, 0.4), "iw_log_likelihood", **options))
    good = only(outcome(WrongPosterior(LINEAR, 0.1, 1.3), "iw_log_likelihood", **options))
    assert row.health["k_hat"] > 0.7 > good.health["k_hat"]
    assert row.health["k_hat_bad"] > 0.5 > good.health["k_hat_bad"]
    assert row.health["ess"] < good.health["ess"]


@pytest.mark.parametrize("name", ["elbo", "iw_log_likelihood", "reconstruction_log_prob"])
def test_the_monte_carlo_error_is_the_spread_over_seeds(name):
    """Draw the latents of the same 100 data anew: numbers move by as much as was said."""
    model = Everything(shift=0.0)
    rows = [only(outcome(model, name, x=X[:100], seed=s, n_samples=24)) for s in range(60)]
    values = torch.tensor([row.value for row in rows]).double()
    claimed = sum(row.mc_stderr for row in rows) / 60
    assert claimed == pytest.approx(values.std().item(), rel=4 / math.sqrt(2 * 59))
    assert claimed < rows[0].stderr  # and is not the error over the data


@pytest.mark.parametrize("name", ["elbo", "iw_log_likelihood", "prior_bound"])
def test_one_draw_has_no_known_monte_carlo_error(name):
    assert only(outcome(Everything(), name, n_samples=1)).mc_stderr is None


# --- sharing ---


def test_what_asks_for_the_same_draws_is_decoded_once():
    names = ["iw_log_likelihood", "iw_curve", "iw_extrapolated"]
    model = Counting(Everything())
    together = outcomes(model, names, x=X[:150], options=options_for(names, n_samples=40))
    assert sum(model.decoded) == 2 * (N_PILOT + 40)  # two blocks
    assert model.encoded == 2
    for name, found in zip(names, together, strict=True):
        alone = outcome(Everything(), name, x=X[:150], n_samples=40)
        assert found.rows == alone.rows


def test_an_unknown_proposal_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match=r"iw_curve\.proposal: unknown name 'fited'.*'fitted'"):
        make_task("iw_curve", {"proposal": "fited"})


def test_the_fitted_proposal_is_healthier_and_tighter():
    model, names = WrongPosterior(LINEAR, 0.0, 0.4), ("posterior", "fitted")
    own, found = (
        only(outcome(model, "iw_log_likelihood", n_samples=100, proposal=name)) for name in names
    )
    assert own.health["k_hat"] > 0.7 > found.health["k_hat"]
    assert own.value < found.value <= LOG_PX.mean().item() + 4 * found.mc_stderr


def test_what_no_gaussian_can_be_fitted_to_says_so():
    row = only(outcome(DiscreteVae(), "iw_log_likelihood", x=DiscreteVae.all_data()))
    assert "it is no Gaussian" in row.reason


def test_nothing_is_shared_between_other_data_or_other_numbers_of_draws():
    context = Context(Everything(), Stream(0))
    tasks = [make_task("iw_log_likelihood", {"n_samples": k}) for k in (5, 9)]
    first, more = evaluate_model(X[:50], None, tasks, context)
    other, _ = evaluate_model(X[50:100], None, tasks, context)
    assert not torch.isclose(first.per_datum, other.per_datum).any()
    assert not torch.isclose(first.per_datum, more.per_datum).any()


@pytest.mark.parametrize("name", [*WEIGHTED, "iw_curve"])
@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_chunks_change_no_number_of_any_evaluator(name, chunk):
    automatic = outcome(Everything(), name, x=X[:20], n_samples=33)
    found = outcome(Everything(), name, x=X[:20], n_samples=33, chunk_size=chunk)
    assert torch.allclose(found.per_datum, automatic.per_datum, rtol=1e-12, atol=1e-12)


# --- the curve and its limit ---


def test_the_curve_rises_to_log_px_and_ends_at_the_bound():
    found, bound = outcomes(
        WrongPosterior(LINEAR),
        ["iw_curve", "iw_log_likelihood"],
        options=options_for(["iw_curve", "iw_log_likelihood"], n_samples=100, proposal="posterior"),
    )
    parts = ["1", "2", "4", "8", "16", "32", "64", "100"]
    assert [row.metric for row in found.rows] == [f"iw_curve[{k}]" for k in parts]
    values = [row.value for row in found.rows]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(only(bound).value, rel=1e-14)
    assert values[-1] < LOG_PX.mean().item()
    assert {row.kind for row in found.rows} == {"lower_bound"}


def test_the_curve_starts_at_the_elbo():
    model = WrongPosterior(LINEAR)
    found = outcome(model, "iw_curve", n_samples=64, proposal="posterior")
    gaps = LOG_PX - found.per_datum[:, 0]
    assert abs(gaps.mean().item() - model.gap()) < 4 * gaps.std().item() / math.sqrt(N)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_curve_has_its_enumerated_expectation(k):
    model, x, n = DiscreteVae(), DiscreteVae.all_data(), 200
    found = outcome(model, "iw_curve", x=x.repeat(n, 1), n_samples=8).per_datum
    column = found[:, int(math.log2(k))].reshape(n, -1).mean(dim=1)
    exact = model.exact_bound(x, k).mean()
    assert abs((column.mean() - exact).item()) < 4 * column.std().item() / math.sqrt(n)


def test_the_numbers_do_not_depend_on_a_forgotten_independent():
    class Flat(WrongPosterior):
        def posterior(self, x):
            return super().posterior(x).base_dist

    for name in WEIGHTED:
        ours = outcome(WrongPosterior(LINEAR), name, n_samples=10).per_datum
        assert torch.allclose(outcome(Flat(LINEAR), name, n_samples=10).per_datum, ours, rtol=1e-12)
