"""The study of hidden pixels: its closed form by another road, and its checks."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from genbench.core.seeding import Stream
from genbench.studies import Setting, studies
from genbench.studies.hidden_pixels import POSTERIOR, PRIOR, ExactCvae, HiddenPixelsOptions

OPTIONS = HiddenPixelsOptions(side=4, latent_dim=2, n_data=30, n_samples=(1, 16, 256))


@pytest.fixture(scope="module")
def found():
    return studies["hidden_pixels"].function(OPTIONS, Setting(Stream(0)))


def joint(known):
    """Mean zero and the covariance of (z, hidden) given c = 0, from independent noise."""
    maker = np.block(
        [
            [np.diag(known.t), np.zeros((len(known.t), len(known.A)))],
            [known.A * known.t, known.scale * np.eye(len(known.A))],
        ]
    )
    return maker @ maker.T


def test_the_exact_density_is_the_marginal_of_the_joint_law():
    known = ExactCvae.drawn(OPTIONS, 3)
    c, hidden = known.draw(20, 4)
    covariance = joint(known)[2:, 2:]
    means = c @ (known.A @ known.V + known.B).T
    expected = [
        multivariate_normal(m, covariance).logpdf(x) for m, x in zip(means, hidden, strict=True)
    ]
    assert np.allclose(known.log_density(c, hidden), expected, rtol=1e-12)


def test_the_posterior_is_the_conditional_of_the_joint_law():
    known = ExactCvae.drawn(OPTIONS, 3)
    on_hidden, on_shown, scale = known.posterior()
    covariance = joint(known)
    gain = covariance[:2, 2:] @ np.linalg.inv(covariance[2:, 2:])
    assert np.allclose(on_hidden, gain)
    assert np.allclose(on_shown, known.V - gain @ (known.A @ known.V + known.B))
    left = covariance[:2, :2] - gain @ covariance[2:, :2]
    assert np.allclose(left, np.diag(scale**2))


def test_all_checks_pass(found):
    assert [check.name for check in found.checks if not check.passed] == []
    assert len(found.checks) == 5


def test_another_prior_has_another_density():
    known = ExactCvae.drawn(OPTIONS, 3)
    c, hidden = known.draw(5, 4)
    other = ExactCvae(known.V, known.t * 1.1, known.A, known.B, known.scale)
    assert np.abs(other.log_density(c, hidden) - known.log_density(c, hidden)).max() > 1e-3


def test_errors_fall_with_k_and_the_posterior_needs_fewer_draws(found):
    table = found.tables["estimates"]
    assert set(table.proposal) == {PRIOR, POSTERIOR}
    for _, rows in table.groupby("proposal"):
        assert rows.n_samples.tolist() == [1, 16, 256]
        assert (rows.error.diff().dropna() < 0).all()
        assert rows.error.iloc[-1] < rows.error.iloc[0] / 4
        assert (rows.bias < 4 * rows.bias_stderr).all()
    errors = table.pivot(index="n_samples", columns="proposal", values="error")
    assert (errors[POSTERIOR] < errors[PRIOR]).all()
