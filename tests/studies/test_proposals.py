"""Both proposals against integrals over one latent dimension and the law of their products."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from genbench.core.seeding import Stream
from genbench.studies import Findings, Setting, studies
from genbench.studies.linear_models import chosen_linear_gaussian, draw_data
from genbench.studies.proposals import (
    PRIOR,
    ProposalsOptions,
    relative_variance_of_moved_posterior,
    relative_variance_of_prior_draws,
)

SMALL = ProposalsOptions(latent_dims=(1, 3), n_samples=(1, 10, 100), n_pixels=6, n_data=8, s2=0.3)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["proposals"].function(SMALL, Setting(Stream(0)))


def test_the_checks_pass_except_where_few_dimensions_hurt_no_proposal(findings):
    *checks, hopeless = findings.checks
    assert [check.name for check in checks if not check.passed] == []
    assert hopeless.found < 1


def test_the_variance_under_the_prior_is_an_integral_over_the_latent():
    model = chosen_linear_gaussian(1, 4, 0.3, Stream(0))
    x = draw_data(model, 1, Stream(1))
    w, flat = model.W[:, 0].numpy(), x.flatten().numpy()

    def moment(power: int) -> float:
        def integrand(z: float) -> float:
            return norm.pdf(z) * np.prod(norm(w * z, 0.3**0.5).pdf(flat)) ** power

        return quad(integrand, -9, 9)[0]

    expected = moment(2) / moment(1) ** 2 - 1
    assert float(relative_variance_of_prior_draws(model, x)) == pytest.approx(expected, rel=1e-7)


def test_the_variance_under_a_moved_posterior_is_an_integral_to_the_power_of_the_size():
    p, q = norm(0, 1), norm(0.4, 0.9)
    one = quad(lambda z: p.pdf(z) ** 2 / q.pdf(z), -12, 12)[0]
    assert relative_variance_of_moved_posterior(0.4, 0.9, 3) == pytest.approx(one**3 - 1, rel=1e-7)


def test_more_draws_bring_the_estimate_closer_for_every_proposal(findings):
    estimates = findings.tables["estimates"].set_index("n_samples")
    for _, table in estimates.groupby(["latent_dim", "proposal"]):
        assert table.error[1] > 1.5 * table.error[10] > 2 * table.error[100]


def test_more_dimensions_cost_the_prior_more_than_q(findings):
    error = findings.tables["estimates"].pivot_table(
        "error", ["proposal", "n_samples"], "latent_dim"
    )
    growth = (error[3] / error[1]).unstack()
    assert growth.loc[PRIOR, 100] > growth.drop(PRIOR)[100].iloc[0] > 1


def test_the_true_posterior_is_exact_with_one_draw(findings):
    exact = findings.tables["true_posterior"]
    assert 1 in exact.n_samples.tolist()
    assert exact.error.max() < 1e-10
