"""The identities of the ELBO against draws, quadrature in one dimension, and sums by hand."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from genbench.core.seeding import Stream
from genbench.inference.bounds import elbo_terms
from genbench.studies import Findings, Setting, studies
from genbench.studies.elbo_identities import (
    ElboIdentitiesOptions,
    kl_to_true_posterior,
    log_px,
    two_forms,
)
from genbench.studies.linear_models import (
    CubatureNormal,
    MovedPosterior,
    chosen_linear_gaussian,
    draw_data,
)
from genbench.training.config import TrainConfig


@pytest.fixture(scope="module")
def findings() -> Findings:
    sizes = ElboIdentitiesOptions(train=TrainConfig(epochs=4, batch_size=64, learning_rate=3e-3))
    return studies["elbo_identities"].function(sizes, Setting(Stream(0)))


def test_every_check_passes(findings):
    assert len(findings.checks) == 8
    assert [check.name for check in findings.checks if not check.passed] == []


def test_log_px_is_the_integral_over_the_only_latent():
    model = chosen_linear_gaussian(1, 4, 0.3, Stream(0))
    x = draw_data(model, 1, Stream(1))
    w, flat = model.W[:, 0].numpy(), x.flatten().numpy()

    def joint(z: float) -> float:
        return norm.pdf(z) * np.prod(norm(w * z, 0.3**0.5).pdf(flat))

    assert log_px(model, x)[0] == pytest.approx(np.log(quad(joint, -8, 8)[0]), abs=1e-8)
    assert float(model.log_prob(x)) == pytest.approx(log_px(model, x)[0], abs=1e-10)


def test_the_kl_from_bayes_rule_is_the_formula_of_the_moved_posterior():
    base = chosen_linear_gaussian(3, 6, 0.2, Stream(3))
    shift, stretch = -0.4, 0.8
    model = MovedPosterior(base, shift, stretch)
    found = kl_to_true_posterior(model, draw_data(base, 5, Stream(4)))
    each = 0.5 * (stretch**2 + shift**2 - 1) - np.log(stretch)
    assert found == pytest.approx([3 * each] * 5, abs=1e-10)
    assert found.min() > 0.3


def test_the_points_give_what_many_draws_give():
    base = chosen_linear_gaussian(2, 6, 0.2, Stream(5))
    x = draw_data(base, 1, Stream(6))
    exact, _, _ = two_forms(MovedPosterior(base, 0.5, 1.3, cubature=True), x)
    with Stream(7).seeded():
        terms = elbo_terms(MovedPosterior(base, 0.5, 1.3), x.expand(20_000, 1, 1, 6))
    stderr = float(terms.elbo.std()) / 20_000**0.5
    assert float(terms.elbo.mean()) == pytest.approx(exact[0], abs=4 * stderr)


def test_the_points_integrate_cubics_and_not_quartics():
    loc, scale = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[0.5, 2.0]]).double()
    z = CubatureNormal(loc, scale).rsample((4,))
    assert z.mean(dim=0) == pytest.approx(loc)
    assert z.var(dim=0, correction=0) == pytest.approx(scale**2)
    assert float(((z - loc) ** 3).mean()) == pytest.approx(0, abs=1e-12)
    assert float((((z - loc) / scale) ** 4).mean()) != pytest.approx(3)
    with pytest.raises(ValueError, match="needs 4 draws"):
        CubatureNormal(loc, scale).rsample((3,))


def test_the_elbo_touches_log_px_at_the_true_posterior_only(findings):
    curve = findings.tables["posteriors"]
    lacking = curve["log p(x)"] - curve["ELBO"]
    assert (lacking > -1e-10).all()
    assert curve.stretch[lacking.idxmin()] == pytest.approx(1, abs=1e-9)
    assert lacking.max() > 1
