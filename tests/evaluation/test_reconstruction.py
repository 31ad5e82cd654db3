"""Pixel error and distortion."""

import math

import pytest
import torch

from genbench.evaluation.reconstruction import reconstruct
from tests.evaluation.helpers import LINEAR, Everything, X, only, outcome
from tests.inference.exact_models import WrongPosterior


class Blurred:
    """A code that keeps everything and a decoder that is off by 0.1 in each pixel."""

    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return z + 0.1


def test_the_pixel_error_is_a_mean_over_pixels():
    found = outcome(Blurred(), "reconstruction_mse")
    assert torch.allclose(found.per_datum, torch.full((len(X),), 0.01).double(), rtol=1e-9)
    assert only(found).unit == "squared intensity"


def test_a_perfect_copy_has_no_error():
    class Copy(Blurred):
        def decode(self, z):
            return z

    assert only(outcome(Copy(), "reconstruction_mse")).value == 0.0


def test_without_codes_the_posterior_mean_is_decoded():
    model = WrongPosterior(LINEAR, shift=0.0, widen=1.0)
    assert torch.allclose(reconstruct(model, X), LINEAR.decode(LINEAR.encode(X)), rtol=1e-12)
    flat = X.flatten(1)
    assert reconstruct(model, flat).shape == flat.shape


def test_the_mean_pixel_error_of_the_fitted_model_is_known():
    """The residual outside the subspace, plus the shrinkage inside: exact from the spectrum."""
    eigenvalues = torch.linalg.eigvalsh(torch.cov(X.flatten(1).T, correction=0)).flip(0)
    outside = eigenvalues[3:].sum()
    inside = (eigenvalues[:3] * (LINEAR.s2 / eigenvalues[:3]).square()).sum()
    row = only(outcome(LINEAR, "reconstruction_mse"))
    assert row.value == pytest.approx((outside + inside).item() / 12, rel=1e-10)


def test_reconstruction_log_prob_has_its_closed_form_expectation():
    model = Everything()
    q = model.posterior(X).base_dist
    error = (X - model.decode(q.loc)).flatten(1).square().sum(1)
    spread = (q.scale.square() * LINEAR.W.square().sum(0)).sum(1)
    constant = 12 * (2 * math.pi * LINEAR.s2).log()
    expected = -0.5 * (constant + (error + spread) / LINEAR.s2)
    found = outcome(model, "reconstruction_log_prob", n_samples=100)
    difference = found.per_datum - expected
    assert abs(difference.mean().item()) < 4 * difference.std().item() / math.sqrt(len(X))
