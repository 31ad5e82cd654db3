"""Faults are named by their formula, on weights that are drawn here."""

import math

import pytest
import torch

from genbench.certify.diagnosis import N_DRAWS, Reference, diagnose
from genbench.certify.points import points_of
from genbench.certify.worlds import LAWS, worlds_of
from genbench.core.seeding import Stream

(WORLD,) = worlds_of("binary")
POINTS = points_of(WORLD, None)
CONSTANT = math.log(2 * math.pi)


def drawn():
    """Weights whose mean is the law of the world: log w = log p(x|z) - log q/p, with noise."""
    with Stream(0, ("weights",)).seeded():
        noise = torch.randn(N_DRAWS, 512, dtype=torch.float64)
        kl = 0.5 + torch.rand(512, dtype=torch.float64)
    scale = 0.8
    log_w = LAWS["binary"].joint.sum(dim=1).log() + scale * noise - scale**2 / 2
    return Reference(log_w, log_w.mean(dim=0) + kl, kl)


KNOWN = drawn()
HONEST, BOUND = KNOWN.log_px, KNOWN.log_px_given_z - KNOWN.kl


def named(values, reference=KNOWN):
    return diagnose(float(values.exp().sum()), values.repeat(3, 1), POINTS, 2, reference)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (HONEST + math.log(1.5), "same factor 1.5: as of a mean over more draws"),
        (HONEST - math.log(1.5), "same factor 0.667: as of a mean over fewer draws"),
        (HONEST - CONSTANT, "in 2 dimensions: that of log q is left out"),
        (HONEST + CONSTANT / 2, "in 1 dimension: that of log p is left out"),
        (KNOWN.log_px_given_z, "the KL is missing"),
        (KNOWN.log_px_given_z + KNOWN.kl, "the KL is added; it must be subtracted"),
        (KNOWN.log_px_given_z - 0.3 * KNOWN.kl, "the KL has the weight 0.3"),
        (KNOWN.surrogate(32), "weights times log weights"),
        (HONEST / 9, "means over 9 pixels"),
        (BOUND / 9, "means over 9 pixels"),
    ],
)
def test_a_formula_that_explains_the_values_is_named(values, words):
    assert words in named(values)


def test_values_that_no_formula_explains_get_no_name():
    with Stream(1, ("odd",)).seeded():
        odd = HONEST + torch.randn(512, dtype=torch.float64)
    total = float(odd.exp().sum())
    assert named(odd) == f"the probabilities of all images sum to {total:.3g}, more than one"


def test_the_surrogate_of_one_draw_is_the_bound_and_of_many_lies_above_log_p():
    assert KNOWN.surrogate(1).numpy() == pytest.approx(KNOWN.log_w.mean(dim=0).numpy())
    assert float(KNOWN.surrogate(64).exp().sum()) > 1.1


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_without_a_reference_a_constant_is_named_by_its_sum(factor):
    assert "2 dimensions" in named(HONEST + factor * CONSTANT, None)
    assert named(HONEST + factor * 0.5, None).endswith("than one")


WITH_HOLE = torch.where(torch.arange(512) == 3, -math.inf, HONEST)


@pytest.mark.parametrize("reference", [KNOWN, None, Reference(KNOWN.log_w, HONEST, 0 * KNOWN.kl)])
@pytest.mark.parametrize(
    "values",
    [
        HONEST - 2000,
        HONEST + 2000,
        1e6 * HONEST,
        WITH_HOLE,
        WITH_HOLE - math.inf,
        HONEST + math.inf,
        HONEST * math.nan,
    ],
)
def test_there_are_words_for_claims_of_every_size(values, reference):
    found = named(values, reference)
    assert found.startswith("the probabilities of all images sum to ")


def test_a_constant_is_named_where_no_float_holds_the_sum():
    assert "in 900 dimensions: that of log p is left out" in named(HONEST + 450 * CONSTANT, None)
