"""Training the models whose log p(x) is known: they reach what theory says."""

import numpy as np
import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.models.linear_gaussian import LinearGaussian
from genbench.models.linear_vae import LinearVae
from genbench.models.vae import Vae
from genbench.objectives.elbo import NegativeElbo
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from tests.draws import randn

SHAPE, N_PIXELS = (1, 2, 3), 6
SPECTRUM = np.array([4, 1, 0.25, 0.02, 0.02, 0.02])


def data_with_spectrum(n=200):
    """Data whose covariance (1/N) has exactly these eigenvalues, in random directions."""
    z = randn(n, N_PIXELS)
    z = z - z.mean(dim=0)
    factor = torch.linalg.cholesky(z.T @ z / n)
    white = torch.linalg.solve_triangular(factor, z.T, upper=False).T
    directions = torch.linalg.qr(randn(N_PIXELS, N_PIXELS, seed=1)).Q
    flat = white * torch.as_tensor(SPECTRUM).sqrt() @ directions.T
    return (flat + 0.5).reshape(n, *SHAPE)


X = data_with_spectrum()
FACTS = DataFacts(SHAPE, 10, X.mean(dim=0))


def build(name, facts=FACTS, **options):
    chosen = recipes[name]
    with seeded(0, "init"):
        built = chosen.build(facts, chosen.options(**options), TrainConfig())
    built.model.double()
    return built


def train(built, x, objective=None, steps=800, rate=0.05):
    """Full-batch Adam with a falling rate; one update."""
    (update,) = built.updates
    optimizer = torch.optim.Adam(update.parameters, rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-5)
    batch = Batch(x, torch.zeros(len(x), dtype=torch.int64))
    with seeded(0, "train"):
        for _ in range(steps):
            optimizer.zero_grad()
            (objective or update.objective)(built.model, batch).value.backward()
            optimizer.step()
            decay.step()
    return built.model


@pytest.fixture(scope="module")
def trained():
    return train(build("linear_vae", latent_dim=3), X, NegativeElbo(n_samples=2))


def test_training_reaches_the_likelihood_of_principal_components(trained):
    ppca = LinearGaussian(3, SHAPE)
    ppca.fit(X)
    best = float(ppca.log_prob(X).mean())
    reached = float(trained.log_prob(X).mean().detach())
    assert best - 0.01 < reached <= best + 1e-9
    assert float(trained.linear_parameters()[2].detach()) == pytest.approx(0.02, rel=0.03)


def test_training_finds_the_rotation_under_which_the_bound_is_tight(trained):
    """M is diagonal, so the gap 1/2 [sum ln M_ii - ln |M|] closes."""
    W, _, s2 = (t.detach() for t in trained.linear_parameters())
    m = W.T @ W + s2 * torch.eye(3, dtype=torch.float64)
    assert float(0.5 * (m.diagonal().log().sum() - torch.logdet(m))) < 0.002


def test_the_trained_rate_per_dimension_is_half_log_lambda_over_s2(trained):
    q = trained.posterior(X).base_dist
    kl = 0.5 * (q.scale.square() + q.loc.square() - 1 - q.scale.square().log())
    rates = kl.mean(0).sort(descending=True).values.detach().numpy()
    assert np.allclose(rates, 0.5 * np.log(SPECTRUM[:3] / 0.02), rtol=0.03)


def test_dimensions_whose_eigenvalue_is_below_the_fixed_variance_collapse():
    """s2 between the second and the third eigenvalue: exactly two dimensions stay active."""
    s2 = 0.5
    model = train(build("linear_vae", latent_dim=4, scale=s2**0.5), X, steps=500)
    means = model.posterior(X).mean.var(dim=0, correction=0).detach().sort(descending=True).values
    assert int((means > 0.01).sum()) == 2
    assert np.allclose(means[:2].numpy(), 1 - s2 / SPECTRUM[:2], atol=0.03)
    lengths = model.decoder.output.weight.detach().norm(dim=0)
    assert int((lengths > 0.1).sum()) == 2


def test_the_recipe_states_or_learns_one_scale():
    fixed, learned = build("linear_vae", scale=0.2), build("linear_vae", initial_scale=0.4)
    assert float(fixed.model.linear_parameters()[2]) == pytest.approx(0.04)
    assert fixed.observation_name == "Gaussian, fixed scale 0.2"
    assert float(learned.model.linear_parameters()[2].detach()) == pytest.approx(0.16, rel=1e-6)
    assert learned.observation_name == "Gaussian, one learned scale"
    assert torch.allclose(fixed.model.decoder.output.bias.detach(), FACTS.mean_image.flatten())


@pytest.mark.parametrize("name", ["vae", "beta_vae", "iwae"])
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"hidden": (), "observation": "learned_gaussian"}, LinearVae),
        ({"hidden": (), "observation": {"kind": "gaussian", "scale": 0.3}}, LinearVae),
        ({"hidden": (), "observation": "bernoulli"}, Vae),
        ({"hidden": (), "observation": "pixel_gaussian"}, Vae),
        ({"hidden": (5,), "observation": "learned_gaussian"}, Vae),
    ],
)
def test_a_vae_without_hidden_layers_knows_its_likelihood(name, options, kind):
    model = build(name, latent_dim=2, **options).model
    assert type(model) is kind
    plain = build("vae", latent_dim=2, **options).model.state_dict()
    assert plain.keys() == model.state_dict().keys()


def test_a_discrete_vae_learns_clouds_and_its_bound_meets_the_exact_value():
    centres = torch.tensor([[1, 1, 0, 0] * 3, [0, 0, 1, 1] * 3, [1, 0, 1, 0] * 3]).double()
    generator = torch.Generator().manual_seed(0)
    which = torch.arange(150) % 3
    noise = (torch.rand(150, 12, generator=generator) < 0.05).double()
    x = (centres[which] - noise).abs().reshape(150, 1, 3, 4)
    facts = DataFacts((1, 3, 4), 10, x.mean(dim=0))
    built = build("discrete_vae", facts, n_categories=3, hidden=(16,))
    before = float(built.model.log_prob(x).mean().detach())
    model = train(built, x, steps=150, rate=0.02)
    log_px = model.log_prob(x).mean().detach()
    gap = float(log_px + built.updates[0].objective(model, Batch(x, which)).value.detach())
    assert -1e-9 < gap < 0.05
    # three patterns with 5 % of their pixels flipped
    entropy = np.log(3) + 12 * -(0.05 * np.log(0.05) + 0.95 * np.log(0.95))
    assert before < float(log_px) - 2
    assert float(log_px) == pytest.approx(-entropy, abs=0.7)
    names = model.encode(x).argmax(1)
    assert len({(int(a), int(b)) for a, b in zip(names, which, strict=True)}) == 3
