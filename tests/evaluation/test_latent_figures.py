"""The manifold, the paths and the traversals against a linear decoder, known in closed form."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    Uniform,
    kl_divergence,
)
from torch.distributions.transforms import SoftplusTransform

from genbench.core.seeding import Stream
from genbench.evaluation import latent_figures as lf
from genbench.evaluation.figures import collect_figures
from genbench.evaluation.reconstruction import reconstruct
from tests.evaluation.helpers import LINEAR, Conditional, X, small_gan
from tests.inference.exact_models import SHAPE, WrongPosterior, fitted

PLANE = fitted(X, latent_dim=2)


def made(model, *figures, x=X, y=None):
    y = torch.arange(len(x)) % 3 if y is None else y
    dataset = SimpleNamespace(held_out=lambda split: (x, y), n_classes=int(y.max()) + 1)
    return collect_figures(model, dataset, Stream(0), figures)


def decoded(z, model=PLANE):
    """Bytes of W z + mean, by numpy; codes are the rows of z."""
    images = np.asarray(z) @ model.W.numpy().T + model.mean.numpy()
    return (255 * images.clip(0, 1)).reshape(-1, *SHAPE)


def assert_shows(tensor, expected):
    """Bytes are the nearest to the expected intensities."""
    difference = tensor.double().flatten(0, -4).numpy() - expected
    assert np.abs(difference).max() <= 0.5 + 1e-6


def standard(dim):
    return Independent(Normal(torch.zeros(dim).double(), torch.ones(dim).double()), 1)


def test_the_grid_is_the_unit_square_through_the_inverse_gaussian_cdf():
    z = lf.manifold_codes(standard(2), 20).numpy()
    at = norm.ppf((np.arange(20) + 0.5) / 20)
    for row in range(20):
        np.testing.assert_allclose(z[row, :, 0], at, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(z[row, :, 1], at[19 - row], rtol=1e-12, atol=1e-12)


def test_each_cell_of_the_grid_has_the_same_prior_mass():
    z = lf.manifold_codes(standard(2), 4).numpy()
    np.testing.assert_allclose(norm.cdf(z[0, :, 0]), [0.125, 0.375, 0.625, 0.875], rtol=1e-12)
    np.testing.assert_allclose(norm.cdf(z[:, 0, 1]), [0.875, 0.625, 0.375, 0.125], rtol=1e-12)


def test_the_grid_follows_the_prior_that_the_model_has():
    uniform = Independent(Uniform(-torch.ones(2).double(), torch.ones(2).double()), 1)
    z = lf.manifold_codes(uniform, 4)
    assert z[0, :, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert z[:, 0, 1].tolist() == [0.75, 0.25, -0.25, -0.75]


@pytest.mark.parametrize(
    "p",
    [
        standard(1),
        standard(3),
        MultivariateNormal(torch.zeros(2), torch.eye(2)),
        MixtureSameFamily(Categorical(torch.ones(3)), Independent(Normal(torch.zeros(3, 2), 1), 1)),
    ],
    ids=["one dimension", "three dimensions", "not independent", "mixture"],
)
def test_there_is_no_grid_but_for_two_independent_dimensions(p):
    assert lf.manifold_codes(p, 4) is None


def test_the_manifold_is_decoded_at_the_grid():
    at = norm.ppf((np.arange(20) + 0.5) / 20)
    z = np.stack(np.broadcast_arrays(at, at[::-1, None]), axis=-1).reshape(-1, 2)
    found = made(PLANE, "manifold")["manifold"]
    assert found.shape == (20, 20, *SHAPE)
    assert_shows(found, decoded(z))


def test_a_generator_with_two_dimensions_has_a_manifold_and_others_have_none():
    assert made(small_gan(), "manifold")["manifold"].shape == (20, 20, *SHAPE)
    assert made(LINEAR, "manifold") == {}
    assert made(Conditional(PLANE), "manifold") == {}


def test_a_path_runs_between_the_first_data_of_two_labels():
    y = torch.tensor([2, 2, 0, 0, 3, 1] + [0] * (len(X) - 6))
    found = made(PLANE, "interpolations", y=y)
    assert lf.pairs_of(SimpleNamespace(model=PLANE, y=y)).tolist() == [[2, 5], [0, 4]]
    assert_shows(found["interpolation_ends"], 255 * X[[2, 5, 0, 4]].clamp(0, 1).numpy())
    codes = PLANE.posterior(X).mean.numpy()
    t = np.linspace(0, 1, lf.N_STEPS)[:, None]
    path = [codes[a] + t * (codes[b] - codes[a]) for a, b in ((2, 5), (0, 4))]
    assert_shows(found["interpolations"], decoded(np.concatenate(path)))


def test_a_path_ends_in_the_reconstructions():
    found = made(PLANE, "interpolations")["interpolations"]
    rebuilt = 255 * reconstruct(PLANE, X[:2]).clamp(0, 1).numpy()
    assert_shows(found[:, [0, -1]], rebuilt)


def test_a_conditional_model_keeps_its_label_on_the_way():
    model, y = Conditional(PLANE), torch.arange(len(X)) % 3
    found = made(model, "interpolations", y=y)
    assert lf.pairs_of(SimpleNamespace(model=model, y=y)).tolist() == [[0, 3], [1, 4], [2, 5]]
    rows = torch.tensor([0, 3, 1, 4, 2, 5])
    rebuilt = 255 * reconstruct(model.given(y[rows]), X[rows]).clamp(0, 1).numpy()
    assert_shows(found["interpolations"][:, [0, -1]], rebuilt)


def test_without_labels_the_ends_are_spread_over_the_data():
    pairs = lf.pairs_of(SimpleNamespace(model=PLANE, y=torch.zeros(91)))
    assert pairs.flatten().tolist() == list(range(0, 91, 10))


def test_an_autoencoder_has_paths_and_its_two_codes_but_no_prior_to_walk_in():
    plain = SimpleNamespace(encode=PLANE.encode, decode=PLANE.decode)
    found = made(plain, "latent", "manifold", "interpolations", "traversals")
    whole = made(PLANE, "interpolations")
    assert found.keys() == whole.keys() | {"latent_means", "latent_labels", "latent_dims"}
    assert torch.equal(found["interpolations"], whole["interpolations"])
    assert torch.equal(found["latent_means"], PLANE.encode(X).float())


def test_traversals_are_in_the_order_of_the_kl():
    model = WrongPosterior(LINEAR, shift=torch.tensor([0.0, 3.0, 1.0]))
    found = made(model, "traversals")
    kl = kl_divergence(model.posterior(X).base_dist, model.prior().base_dist).mean(dim=0)
    assert found["traversal_dims"].tolist() == kl.argsort(descending=True).tolist()
    assert found["traversal_dims"].tolist() != [0, 1, 2]
    torch.testing.assert_close(found["traversal_kl"], kl.sort(descending=True).values)


def test_a_traversal_moves_one_dimension_and_leaves_the_others():
    found = made(LINEAR, "traversals")
    values = np.linspace(-3, 3, lf.N_VALUES)
    np.testing.assert_allclose(found["traversal_values"], values, atol=1e-6)
    centre = LINEAR.posterior(X[:1]).mean.numpy()
    z = np.repeat(centre, 3 * lf.N_VALUES, axis=0).reshape(3, lf.N_VALUES, 3)
    for row, d in enumerate(found["traversal_dims"].tolist()):
        z[row, :, d] = values
    assert_shows(found["traversals"], decoded(z.reshape(-1, 3), LINEAR))


def test_a_posterior_without_parts_goes_by_the_variance_of_its_means():
    class Full(WrongPosterior):
        def posterior(self, x):
            q = super().posterior(x).base_dist
            return MultivariateNormal(q.loc, scale_tril=torch.diag_embed(q.scale))

    found = made(Full(LINEAR), "traversals")
    order = LINEAR.posterior(X).mean.var(dim=0).argsort(descending=True)
    assert found["traversal_dims"].tolist() == order.tolist()
    assert "traversal_kl" not in found


class Flow:
    """A linear-Gaussian model whose codes are those of another one, bent: they have no mean."""

    def prior(self):
        return TransformedDistribution(PLANE.prior(), [SoftplusTransform()])

    def posterior(self, x):
        return TransformedDistribution(PLANE.posterior(x), [SoftplusTransform()])

    def observation_model(self, z):
        return PLANE.observation_model(SoftplusTransform().inv(z))


class OwnCodes(Flow):
    def encode(self, x):
        return PLANE.encode(x).exp()

    def decode(self, z):
        return PLANE.decode(z.log())


@pytest.mark.parametrize("figure", ["latent", "interpolations", "traversals", "reconstructions"])
def test_codes_that_state_no_mean_leave_a_figure_out(figure):
    with pytest.raises(NotImplementedError):
        _ = Flow().posterior(X).mean
    assert made(Flow(), figure) == {}


def test_codes_of_a_model_s_own_need_no_mean():
    assert set(made(OwnCodes(), "interpolations")) == set(made(PLANE, "interpolations"))
    assert made(OwnCodes(), "latent", "traversals") == {}
