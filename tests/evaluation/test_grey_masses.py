"""Evaluators on a model of grey levels: a mass, so that its code length needs no noise."""

import math

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.seeding import seeded
from genbench.evaluation.user import evaluate
from genbench.models.densities import IndependentCategorical
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

SHAPE = (1, 4, 4)
LEVELS = torch.arange(64).reshape(4, *SHAPE) % 17


def model(per_pixel):
    found = recipes["vae"]
    head = {"kind": "discretised_logistic", "n_levels": 17, "per_pixel": per_pixel}
    options = found.options(hidden=(8,), latent_dim=2, observation=head)
    with seeded(0, "init"):
        built = found.build(DataFacts(SHAPE, 1, torch.full(SHAPE, 0.5)), options, TrainConfig())
    return built.model.double().eval()


@pytest.mark.parametrize("per_pixel", [False, True])
def test_bits_per_dim_of_a_mass_are_the_elbo_in_bits_per_pixel(per_pixel):
    x = LEVELS.repeat(8, 1, 1, 1) / 16.0  # enough for a Monte-Carlo error
    rows = evaluate(model(per_pixel), x, evaluators=("elbo", "bits_per_dim"))
    elbo, bits = (rows[rows.metric == name].iloc[0] for name in ("elbo", "bits_per_dim"))
    per_nat = 1 / (16 * math.log(2))
    error = math.hypot(elbo.mc_stderr * per_nat, bits.mc_stderr)  # of their own draws of z
    assert elbo.value < 0
    assert abs(bits.value + elbo.value * per_nat) <= 4 * error


def test_bits_per_dim_of_tables_of_levels_are_their_exact_log_probability():
    model = IndependentCategorical(SHAPE, 17)
    model.fit(LEVELS / 16.0)
    (row,) = evaluate(model, LEVELS / 16.0, evaluators=("bits_per_dim",)).to_dict("records")
    exact = float(model.log_prob(LEVELS / 16.0).mean())
    assert row["kind"] == "exact"
    assert row["value"] == pytest.approx(-exact / (16 * math.log(2)), rel=1e-12)


def test_what_is_no_grey_level_is_refused():
    with pytest.raises(ConfigError, match="outside the support"):
        evaluate(model(False), (LEVELS + 0.4) / 16.8)
