"""Evaluation of models that are shown a part of each image: numbers about the rest of it."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.figure_source import FigureSource
from genbench.evaluation.figures import N_COMPLETIONS, N_IMAGES, completions
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context, evaluators
from genbench.evaluation.user import evaluate
from tests.draws import randn
from tests.evaluation.helpers import SMALL_OPTIONS
from tests.models.pixel_models import HIDDEN, N_HIDDEN, SHAPE, linear_model, with_true_posterior
from tests.models.test_pixel_cvae import exact
from tests.models.test_pixel_predictor import X as BINARY
from tests.models.test_pixel_predictor import by_hand, predictor

X = 0.5 + randn(103, *SHAPE, seed=4)
"""A whole block and a last one of three data."""


def found(model, name, x=X, n_levels=None, **options):
    context = Context(model, Stream(0), validation=x, n_levels=n_levels)
    return evaluate_model(x, None, [make_task(name, options)], context)[0]


def test_every_datum_is_scored_given_its_own_shown_pixels():
    model = with_true_posterior(linear_model())
    (extrapolated,) = found(model, "iw_extrapolated").rows
    assert extrapolated.value == pytest.approx(float(exact(model, X).mean()), rel=1e-11)
    for name in ("elbo", "iw_log_likelihood", "iw_curve"):
        values = found(model, name).per_datum
        columns = values if values.ndim == 2 else values.unsqueeze(1)
        for column in columns.unbind(dim=1):
            assert torch.allclose(column, exact(model, X), rtol=1e-11, atol=1e-10), name


def test_the_prior_as_the_proposal_finds_the_conditional_likelihood():
    model = linear_model()
    (row,) = found(model, "prior_log_likelihood", n_samples=5000).rows
    assert row.kind == "lower_bound"
    assert row.options["n_samples"] == 5000
    truth = float(exact(model, X).mean())
    assert abs(row.value - truth) < 4 * row.mc_stderr + 0.02  # the bias falls with 1/K
    (few,) = found(model, "prior_log_likelihood", n_samples=3).rows
    assert few.value < truth - 0.1


def test_annealing_finds_it_too():
    model = linear_model()
    options = {"n_chains": 8, "n_temperatures": 60, "n_leapfrog": 3, "n_data": None}
    (row,) = found(model, "ais_log_likelihood", X[:20], **options).rows
    assert row.value == pytest.approx(float(exact(model, X[:20]).mean()), abs=0.05)


def test_the_network_without_a_latent_is_exact():
    model = predictor()
    outcome = found(model, "log_likelihood", BINARY)
    assert outcome.rows[0].kind == "exact"
    assert torch.allclose(outcome.per_datum, by_hand(model, BINARY)[0].detach(), rtol=1e-12)


def test_bits_and_errors_are_per_hidden_pixel():
    model = with_true_posterior(linear_model())
    bits = found(model, "bits_per_dim", n_levels=256).rows[0].value
    per_pixel = float(exact(model, X).mean()) / (N_HIDDEN * math.log(2))
    assert bits == pytest.approx(8 - per_pixel)
    view = model.given_pixels(X)
    with torch.no_grad():
        error = (view.decode(view.encode(X)) - X).flatten(1)
    mse = found(model, "reconstruction_mse").rows[0].value
    assert mse == pytest.approx(float(error[:, HIDDEN].square().mean()))
    assert not error[:, ~HIDDEN].any()


@pytest.mark.parametrize("name", ["mmd2", "parzen_log_likelihood"])
def test_there_are_no_samples_without_an_image_to_complete(name):
    (row,) = found(linear_model(), name).rows
    assert row.status == "not_applicable"
    assert "completes images" in row.reason


def test_no_evaluator_fails_on_hidden_pixels():
    for name in evaluators:
        for row in found(
            linear_model(), name, X[:7], n_levels=256, **SMALL_OPTIONS.get(name, {})
        ).rows:
            assert row.status in ("ok", "not_applicable"), (name, row.reason)


def test_no_label_is_summed_out():
    assert found(linear_model(), "label_marginal_log_likelihood").rows == []


def test_a_users_call_binds_the_shown_pixels_of_flat_images_too():
    model = with_true_posterior(linear_model())
    frame = evaluate(model, X.flatten(1), evaluators=("elbo", "iw_log_likelihood"))
    truth = float(exact(model, X).mean())
    assert frame["value"].tolist() == pytest.approx([truth, truth], rel=1e-10)


def test_completions_stand_beside_what_was_shown_and_what_was_there():
    model = linear_model()
    with Stream(0).child("completions").seeded(), torch.no_grad():
        made = completions(FigureSource(model, X, torch.zeros(len(X)).long(), 10))
    assert made["completions"].shape == (N_IMAGES, N_COMPLETIONS, *SHAPE)
    originals = (X[:N_IMAGES].clamp(0, 1) * 255).round().to(torch.uint8)
    assert torch.equal(made["completion_originals"], originals)
    hidden = HIDDEN.reshape(SHAPE)
    assert torch.equal(made["completion_shown"][:, ~hidden], originals[:, ~hidden])
    assert set(made["completion_shown"][:, hidden].flatten().tolist()) == {128}
    assert torch.equal(
        made["completions"][:, :, ~hidden], originals[:, None, ~hidden].expand(-1, 8, -1)
    )
    first, second = made["completions"][:, :2].unbind(dim=1)
    assert not torch.equal(first, second)


def test_a_network_that_draws_nothing_completes_once_and_other_models_never():
    labels = torch.zeros(len(BINARY)).long()
    with torch.no_grad():
        made = completions(FigureSource(predictor(), BINARY, labels, 10))
    assert made["completions"].shape == (N_IMAGES, 1, *SHAPE)
    assert completions(FigureSource(object(), BINARY, labels, 10)) == {}
