import math

import pytest
import torch

from genbench.certify.claims import Likelihood, claims_density, claims_of, tasks_in
from genbench.certify.points import points_of
from genbench.certify.worlds import worlds_of
from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluators

BINARY = worlds_of("binary")[0]


class Uniform:
    """A model that knows that all images are equally likely."""

    is_mass = True

    def log_prob(self, x):
        return torch.full((len(x),), -9 * math.log(2))


class Broken(Uniform):
    def log_prob(self, x):
        return torch.zeros(len(x), 3)


def claims(model, world=BINARY, n=2):
    points = points_of(world, model)
    return list(claims_of(model, world, points, tasks_in(world), n, Stream(0, ("claims",))))


def test_every_bound_and_exact_value_is_a_claim_and_no_estimate_or_term_is():
    named = {name for name in evaluators if claims_density(evaluators[name])}
    assert named == {
        "ais_log_likelihood",
        "bits_per_dim",
        "elbo",
        "iw_curve",
        "iw_log_likelihood",
        "label_marginal_log_likelihood",
        "log_likelihood",
        "prior_bound",
        "prior_log_likelihood",
    }


def test_code_lengths_are_claimed_of_levels_and_densities_of_the_plane():
    plane, noisy = worlds_of("unit_interval")
    units = [{task.evaluator.record.unit for task in tasks_in(w)} for w in (BINARY, plane, noisy)]
    assert units == [{"nats", "bits/dim"}, {"nats"}, {"bits/dim"}]


def test_a_code_length_is_log_p_in_nats():
    found = {claim.name: claim for claim in claims(Uniform())}
    assert found.keys() == {"log_likelihood", "bits_per_dim"}
    for claim in found.values():
        assert claim.kind == "exact"
        assert claim.values.shape == (2, 512)
        assert claim.values.numpy() == pytest.approx(-9 * math.log(2), abs=1e-5)


def test_a_claim_that_fails_yields_its_row():
    for row in claims(Broken()):
        assert not isinstance(row, Likelihood)
        assert row.status == "failed"
        assert "log_" in row.metric or "bits" in row.metric
        assert row.reason
