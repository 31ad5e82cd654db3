"""The two gaps against linear models, where both are known."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from genbench.core.seeding import Stream
from genbench.evaluation.inference_gap import InferenceGapOptions, refine
from tests.evaluation.helpers import LINEAR, Labelled, UserVae, X, only, outcome
from tests.evaluation.linear_vae import LinearVae, WithDensity
from tests.inference.exact_models import DiscreteVae

QUICK = {"n_data": 60, "n_samples": 200}


def gaps(model, x=X, **options):
    found = outcome(model, "inference_gap", x=x, **(QUICK | options))
    return found, {row.metric.split("[")[1].rstrip("]"): row for row in found.rows}


def test_nothing_is_lost_under_the_true_posterior():
    found, rows = gaps(LINEAR, n_steps=100)
    assert list(rows) == ["approximation", "amortisation"]
    assert found.per_datum.abs().max() < 1e-9
    untold = "its draws do not tell a Monte-Carlo error"
    assert rows["approximation"].reason == f"log p(x) is exact; {untold}"
    assert {(row.kind, row.n) for row in found.rows} == {("estimate", 60)}


def test_a_rotated_decoder_leaves_the_known_approximation_gap_and_no_other():
    model = WithDensity()
    _, rows = gaps(model)
    found, exact = rows["approximation"], model.approximation_gap()
    assert exact > 0.3
    assert abs(found.value - exact) < 4 * found.stderr
    assert abs(rows["amortisation"].value) < 0.01 * exact


def test_a_wrong_encoder_loses_the_known_amortisation_gap():
    model = WithDensity(shift=0.8, widen=1.6)
    _, rows = gaps(model, n_steps=400)
    assert model.amortisation_gap() > 1
    for name, exact in (
        ("amortisation", model.amortisation_gap()),
        ("approximation", model.approximation_gap()),
    ):
        assert abs(rows[name].value - exact) < 4 * rows[name].stderr + 0.01
    no_steps = gaps(model, n_steps=1, learning_rate=1e-9)[1]
    assert no_steps["amortisation"].value == pytest.approx(0, abs=1e-6)
    whole = no_steps["approximation"]
    assert abs(whole.value - model.amortisation_gap() - model.approximation_gap()) < (
        4 * whole.stderr
    )


def test_without_the_density_the_approximation_gap_is_bounded_from_below():
    exact = gaps(WithDensity())[1]["approximation"].value
    few, many = (gaps(LinearVae(), n_samples=k) for k in (2, 500))
    assert (few[0].per_datum[:, 0] >= 0).all()
    assert few[1]["approximation"].value < many[1]["approximation"].value
    margin = 4 * many[1]["approximation"].stderr
    assert abs(many[1]["approximation"].value - exact) < margin
    assert "lower bound" in few[1]["approximation"].reason
    assert "K = 2 " in few[1]["approximation"].reason


def test_the_best_posterior_is_found_from_afar():
    model = LinearVae(shift=2.0, widen=0.3)
    start = model.posterior(X[:50]).base_dist
    best = LinearVae().posterior(X[:50]).base_dist
    found = refine(model, X[:50], start, InferenceGapOptions(n_steps=500), Stream(0))
    assert ((found.loc - best.loc) / best.scale).abs().max() < 0.1
    assert (found.scale / best.scale).log().abs().max() < 0.1


def test_a_datum_is_refined_alone():
    model, other = LinearVae(shift=0.5), X[:20].clone()
    other[1:] += 3.0
    options = InferenceGapOptions(n_steps=30)
    first, second = (
        refine(model, x, model.posterior(x).base_dist, options, Stream(0)) for x in (X[:20], other)
    )
    assert torch.allclose(first.loc[0], second.loc[0], rtol=1e-10)
    assert torch.allclose(first.scale[0], second.scale[0], rtol=1e-10)
    assert not torch.isclose(first.loc[1:], second.loc[1:]).any()


def test_the_model_is_left_as_it_was():
    model = UserVae((12,))
    x = (X[:20] > 0.5).float()
    before = {name: p.clone() for name, p in model.named_parameters()}
    found, rows = gaps(model, x=x, n_data=20, n_steps=50, n_samples=50)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert not found.per_datum.requires_grad
    assert rows["amortisation"].value > 4 * rows["amortisation"].stderr  # it was never trained


def test_data_beyond_those_asked_for_change_nothing():
    quick = {"n_steps": 5, "n_data": 150}
    rows = torch.arange(150) * len(X) // 150
    some, alone = (gaps(WithDensity(), x=x, **quick)[0].per_datum for x in (X, X[rows]))
    assert torch.equal(some, alone)
    first = gaps(WithDensity(), x=X[rows][:60], **quick)[0].per_datum
    assert torch.equal(some[:60], first)


def test_other_posteriors_are_not_refined():
    row = only(outcome(DiscreteVae(), "inference_gap", x=DiscreteVae.all_data()))
    assert (row.status, row.reason) == (
        "not_applicable",
        "the posterior is not a factorised Gaussian",
    )


def test_a_conditional_model_is_refined_under_its_labels():
    y = torch.arange(30) % 3
    x = y.double().reshape(-1, 1).expand(30, 3)
    found = outcome(Labelled(), "inference_gap", x=x, y=y, n_steps=20)
    assert found.per_datum.abs().max() < 1e-6  # the latent is ignored, the posterior the prior


def test_a_datum_that_is_not_finite_fails_the_row():
    class Bad(WithDensity):
        def posterior(self, x):
            q = super().posterior(x).base_dist
            loc = torch.where((x == X[3]).flatten(1).all(1, keepdim=True), math.nan, q.loc)
            return Independent(Normal(loc, q.scale, validate_args=False), 1, validate_args=False)

        def prior(self):
            return Independent(Normal(torch.zeros(3).double(), 1.0, validate_args=False), 1)

        def observation_model(self, z):
            p = super().observation_model(torch.nan_to_num(z)).base_dist
            return Independent(Normal(p.loc, p.scale), 3)

    row = only(outcome(Bad(), "inference_gap", x=X[:10], n_steps=2, n_samples=2))
    assert (row.metric, row.status) == ("inference_gap", "failed")
    assert row.reason.startswith("1 of 10 data")
