"""Models and calls that the evaluation tests share."""

import math
from functools import cache

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from genbench.core.capabilities import HasExactDensity, missing
from genbench.core.seeding import Stream, seeded
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context, evaluators
from genbench.models.gan import Gan
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.draws import randn
from tests.inference.exact_models import N_PIXELS, SHAPE, WrongPosterior, correlated_data, fitted

N = 501
"""Two whole blocks of data and a last one of a single datum."""

X = correlated_data(N)
LINEAR = fitted(X)
HELD_OUT = correlated_data(200, seed=70)
N_LEVELS = 256

ANNEALED = {"n_chains": 2, "n_temperatures": 4, "n_leapfrog": 1, "n_data": 101}
SMALL_OPTIONS = {
    "ais_log_likelihood": ANNEALED,
    "bdmc_gap": ANNEALED,
    "inference_gap": {"n_data": 101, "n_steps": 2, "n_pairs": 1, "n_samples": 3},
    "iw_curve": {"n_samples": 12},
    "iw_extrapolated": {"n_samples": 12},
    "kl_decomposition": {"n_draws": 50},
    "label_marginal_log_likelihood": {"n_samples": 4},
    "mmd2": {"n_compared": N},
    "parzen_log_likelihood": {"n_samples": 300},
    "prior_bound": {"n_samples": 24},
    "prior_log_likelihood": {"n_samples": 12},
}
"""Cheap options where the defaults cost more than a test may; 101 data are two blocks, too."""

OF_SAMPLES = sorted(name for name in evaluators if evaluators[name].of == "samples")
"""Evaluators that look at no data: ``test_sample_quality.py`` holds what holds for each of them."""
OF_DATA = sorted(set(evaluators) - set(OF_SAMPLES))

OWN_DATA = ("bdmc_gap",)
"""Evaluators that look at data drawn from the model, and at the size of the test set only."""

SHARED_DRAWS = ("prior_bound",)
"""Evaluators whose draws of the latent are the same for all data."""


class Everything(WrongPosterior):
    """The linear-Gaussian model with a wrong posterior and all the other methods."""

    def __init__(self, model=LINEAR, shift=0.3, widen=1.5):
        super().__init__(model, shift, widen)

    def log_prob(self, x):
        return self.model.log_prob(x)

    def encode(self, x):
        return self.posterior(x).mean

    def decode(self, z):
        return self.observation_model(z).mean

    def sample(self, n):
        return self.model.sample(n)


class Collapsed(Everything):
    """The posterior is the prior for every datum."""

    def posterior(self, x):
        return self.prior().expand((len(x),))


class Conditional:
    """The linear-Gaussian model, moved by half a unit for each step of the label."""

    n_classes = 3

    def __init__(self, model=LINEAR, shift=0.3, widen=1.5):
        self.model, self.shift, self.widen = model, shift, widen

    def given(self, y):
        return ConditionalGiven(self, y)


class ConditionalGiven(WrongPosterior):
    def __init__(self, base, y):
        super().__init__(base.model, base.shift, base.widen)
        self.move = 0.5 * y.double().reshape(-1, 1, 1, 1)

    def posterior(self, x):
        return super().posterior(x - self.move)

    def observation_model(self, z):
        p = self.model.observation_model(z).base_dist
        moved = Normal(p.loc + self.move, p.scale, validate_args=False)
        return Independent(moved, 3, validate_args=False)


def small_gan():
    with seeded(0, "init"):
        generator = MlpDecoder(2, (4,), SHAPE, "tanh")
        return Gan(generator, MlpEncoder(N_PIXELS, (4,), "tanh"), 4, 2).double()


def without(model, *methods):
    """The methods of ``model`` but for those named, and nothing else."""
    every = ("prior", "posterior", "observation_model", "log_prob", "encode", "decode", "sample")
    kept = [m for m in every if m not in methods and hasattr(model, m)]
    return type("Rest", (), {m: staticmethod(getattr(model, m)) for m in kept})()


def candidates(linear=LINEAR):
    """Models, the first of which has what most evaluators need."""
    return [Everything(linear), Conditional(linear), small_gan()]


def model_for(name, linear=LINEAR):
    """Return a model that has a capability which the evaluator asks for."""
    if name == "iw_extrapolated":  # only where the weights are nearly equal
        return Everything(linear, shift=0.0, widen=1.02)
    for model in candidates(linear):
        if any(not missing(model, need) for need in evaluators[name].needs):
            return model
    raise AssertionError(f"no model of the tests has what '{name}' needs: add one")


@cache
def density_decides(name):
    """Say whether the number becomes exact, and the evaluator another, for want of a log_prob."""
    if evaluators[name].record.kind == "exact" or not isinstance(model_for(name), HasExactDensity):
        return False
    found = outcome(model_for(name), name, x=X[:2], **SMALL_OPTIONS.get(name, {}))
    return found.rows[0].kind == "exact"


def cases():
    """Return (evaluator, whether its model knows log p(x)): both where it makes a difference."""
    every = [(name, True) for name in OF_DATA]
    return every + [(name, False) for name in OF_DATA if density_decides(name)]


def case_model(name, dense, linear=LINEAR):
    """Return the model of a case."""
    model = model_for(name, linear)
    return model if dense else without(model, "log_prob")


def on_all_data(name):
    """Return the option that overrules a smaller number of data."""
    return {"n_data": None} if "n_data" in SMALL_OPTIONS.get(name, {}) else {}


def small_outcome(model, name, x=X, y=None, seed=0, **options):
    """Evaluate one evaluator alone, with options that are cheap."""
    return outcome(model, name, x, y, seed, **(SMALL_OPTIONS.get(name, {}) | options))


def outcome(model, name, x=X, y=None, seed=0, **options):
    """Evaluate one evaluator alone."""
    return outcomes(model, [name], x, y, seed, {name: options})[0]


def outcomes(model, names, x=X, y=None, seed=0, options=None):
    tasks = [make_task(name, (options or {}).get(name)) for name in names]
    n_classes = getattr(model, "n_classes", None)
    uniform = n_classes and torch.full((n_classes,), -math.log(n_classes), dtype=torch.float64)
    context = Context(
        model,
        Stream(seed, ("test",)),
        validation=HELD_OUT,
        n_levels=N_LEVELS,
        log_py=uniform,
    )
    return evaluate_model(x, y, tasks, context)


def only(found):
    """Return the single row of an outcome."""
    assert len(found.rows) == 1
    return found.rows[0]


class UserVae(nn.Module):
    """A Bernoulli VAE as a user writes one: no base class of ours, no Independent, flat or not."""

    def __init__(self, event=(784,), latent_dim=3):
        super().__init__()
        self.event, self.latent_dim = torch.Size(event), latent_dim
        with seeded(0, "init"):
            self.encoder = nn.Linear(self.event.numel(), 2 * latent_dim)
            self.decoder = nn.Linear(latent_dim, self.event.numel())
            self.dropout = nn.Dropout(0.5)

    def prior(self):
        zeros = torch.zeros(self.latent_dim, dtype=self.encoder.weight.dtype)
        return Normal(zeros, torch.ones_like(zeros))

    def observation_model(self, z):
        logits = self.decoder(self.dropout(z)).reshape(*z.shape[:-1], *self.event)
        return Bernoulli(logits=logits)

    def posterior(self, x):
        loc, raw = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return Normal(loc, nn.functional.softplus(raw))


class PlainVae:
    """The same without torch's Module: tensors and three methods."""

    def __init__(self, event=(784,), latent_dim=3):
        n = torch.Size(event).numel()
        self.event, self.latent_dim = event, latent_dim
        self.W = 0.3 * randn(latent_dim, n, seed=1)
        self.V = 0.1 * randn(n, latent_dim, seed=2)

    def prior(self):
        return Normal(torch.zeros(self.latent_dim).double(), 1.0)

    def observation_model(self, z):
        logits = (z @ self.W).reshape(*z.shape[:-1], *self.event)
        return Independent(Bernoulli(logits=logits), len(self.event))

    def posterior(self, x):
        return Normal(x.flatten(1) @ self.V, 0.8)


class Labelled:
    """A conditional model: the mean of the picture depends on the label."""

    def given(self, y):
        return LabelledGiven(y)


class LabelledGiven:
    def __init__(self, y):
        self.shift = y.double().reshape(-1, 1)

    def prior(self):
        return Normal(torch.zeros(2).double(), 1.0)

    def posterior(self, x):
        return Normal(torch.zeros(len(x), 2).double(), 1.0)

    def observation_model(self, z):
        """p(x|z, y) = N(y, 1) for each of three pixels, whatever z."""
        mean = self.shift.expand(*z.shape[:-1], 3)
        return Normal(mean, 1.0)
