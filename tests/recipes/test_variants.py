"""Recipes that vary another one: posterior heads, gradients, the sparse autoencoder, minimax."""

import pytest
import torch

from genbench import evaluate
from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.data import DataConfig, load
from genbench.inference.bounds import elbo_terms
from genbench.objectives.adversarial import MinimaxGanGenerator
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop

IMAGE = 0.1 + 0.8 * torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0))
FACTS = DataFacts((1, 4, 4), 3, IMAGE)
X = torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(1))
Y = torch.arange(9) % 3
VAES = ("vae", "beta_vae", "iwae", "cvae")


def build(name, train=None, facts=FACTS, **options):
    registered = recipes[name]
    chosen = registered.options(**({"hidden": (6,), "latent_dim": 3} | options))
    with seeded(0, "init"):
        return registered.build(facts, chosen, train or TrainConfig())


def test_a_full_posterior_reaches_the_true_one_of_a_linear_vae_and_a_diagonal_one_does_not():
    """The gap of the best diagonal posterior is 1/2 (sum_i ln M_ii - ln |M|) nats for every x."""
    options = {"hidden": (), "observation": "unit_gaussian"}
    model = build("vae", posterior="full", **options).model.double()
    x = X.double()
    true = model.true_posterior(x)
    head, (D, n_below) = model.posterior_head.linear, (3, 3)
    with torch.no_grad():
        W, b, s2 = model.linear_parameters()
        M = W.T @ W + s2 * torch.eye(D, dtype=torch.float64)
        head.weight.zero_()
        head.weight[:D] = torch.linalg.solve(M, W.T)
        head.bias[:D] = -head.weight[:D] @ b
        factor = true.scale_tril[0]
        head.bias[D : 2 * D] = (factor.diagonal() - 1e-6).expm1().log()
        head.bias[-n_below:] = factor[*torch.tril_indices(D, D, -1)]
        terms = elbo_terms(model, x, control_variate=True)
        assert torch.allclose(terms.elbo, model.log_prob(x), rtol=1e-12)
        head.bias[-n_below:] = 0
        head.bias[D : 2 * D] = (s2 / M.diagonal()).sqrt().sub(1e-6).expm1().log()
        gap = 0.5 * (M.diagonal().log().sum() - torch.logdet(M))
        terms = elbo_terms(model, x, 20_000, control_variate=True)
    error = terms.elbo_variance.sqrt()
    assert gap > 10 * error.max()
    assert ((model.log_prob(x) - terms.elbo - gap).abs() < 4 * error).all()


@pytest.mark.parametrize("name", VAES)
def test_every_posterior_head_is_evaluated_and_says_what_it_cannot(name):
    metrics = ("elbo", "iw_log_likelihood", "kl", "kl_per_dim", "active_units", "kl_decomposition")
    for posterior in ("isotropic", "full"):
        model = build(name, posterior=posterior).model
        rows = evaluate(model, X.round(), Y, metrics).set_index("metric")
        full = posterior == "full"
        assert rows.loc["kl", "status"] == "ok"
        assert rows.loc["kl", "kind"] == "exact"
        if full:
            for metric in ("kl_per_dim", "kl_decomposition"):
                assert rows.loc[metric, "status"] == "not_applicable"
                assert "factorise" in rows.loc[metric, "reason"]
        else:
            parts = rows[rows.index.str.startswith("kl_per_dim")]
            assert parts["value"].sum() == pytest.approx(rows.loc["kl", "value"], rel=1e-6)
        assert rows.loc["active_units", "status"] == rows.loc["elbo", "status"] == "ok"


@pytest.mark.parametrize("name", ["vae", "beta_vae", "cvae"])
@pytest.mark.parametrize("gradient", ["score_function", "score_function_baseline"])
def test_the_gradient_changes_only_the_encoders_part(name, gradient):
    def slopes(kind):
        built = build(name, gradient=kind)
        with seeded(1, "loss"):
            loss = built.updates[0].objective(built.model, Batch(X.round(), Y))
        names = [n for n, _ in built.model.named_parameters()]
        gradients = torch.autograd.grad(loss.value, list(built.model.parameters()))
        return loss.value.item(), dict(zip(names, gradients, strict=True))

    (value, plain), (other_value, other) = slopes("reparameterised"), slopes(gradient)
    assert value == other_value
    for key, slope in plain.items():
        same = torch.allclose(slope, other[key], rtol=1e-4, atol=1e-6)
        assert same == key.startswith("decoder"), key


def test_the_importance_weighted_bound_keeps_gradients_of_its_own():
    with pytest.raises(ValueError, match="gradient"):
        recipes["iwae"].options(gradient="score_function")


@pytest.fixture(scope="module")
def sparse():
    """Share of zeros in the code and squared error of held-out digits, for some penalties."""
    data = load(DataConfig(name="digits", limit=600))
    facts = DataFacts(data.image_shape, data.n_classes, data.held_out("train").x.mean(dim=0))
    train = TrainConfig(epochs=10, batch_size=50, learning_rate=3e-3)
    x, pairs = data.held_out("validation").x, []
    for penalty in (0.003, 0.01, 0.03):
        options = {"hidden": (64,), "latent_dim": 32, "penalty": penalty}
        built = build("sparse_ae", train, facts, **options)
        loop = Loop(built.model, built.updates, data, train, Stream(0, ("train",)))
        for epoch in range(train.epochs):
            loop.run_epoch(epoch)
        with torch.no_grad():
            code = built.model.encode(x)
            error = (built.model.decode(code) - x).square().mean()
        pairs.append((code.eq(0).double().mean().item(), error.item()))
    return pairs


def test_a_larger_penalty_gives_more_zeros_and_a_worse_reconstruction(sparse):
    zeros, errors = zip(*sparse, strict=True)
    assert zeros[0] + 0.1 < zeros[1] < zeros[2] - 0.1
    assert errors[0] < errors[1] < errors[2]


def test_minimax_is_the_same_game_under_another_generator_loss():
    built, plain = build("gan_minimax"), build("gan")
    weights = plain.model.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in built.model.state_dict().items())
    discriminator, generator = built.updates
    assert discriminator.objective == plain.updates[0].objective
    assert generator.objective == MinimaxGanGenerator() != plain.updates[1].objective
    assert generator.betas == plain.updates[1].betas
    assert not generator.validates
