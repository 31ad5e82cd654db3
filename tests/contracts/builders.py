"""Every registered recipe on tiny images, in every network and observation model it offers.

Each observation model of each recipe sees grey images with one network and colour images with the
other, in turn, and images of an odd shape.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Literal, get_args, get_origin

import pytest
import torch

from genbench.core.capabilities import Autoencodes, Conditions, HasPrior, bind, missing
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from tests.contracts.written import archive_of

N_CLASSES, LATENT_DIM, B, N_TRAIN = 10, 3, 6, 60
SHAPES = {"mlp": (1, 8, 8), "conv": (1, 12, 12)}
COLOUR = {"mlp": (3, 8, 8), "conv": (3, 12, 12)}
ODD = ((1, 7, 5), (1, 1, 9), (3, 5, 4))
OBSERVATIONS = (
    {"kind": "bernoulli"},
    {"kind": "unit_gaussian"},
    {"kind": "gaussian", "scale": 0.3},
    {"kind": "learned_gaussian"},
    {"kind": "pixel_gaussian"},
    {"kind": "discretised_logistic"},
)
SMALL = {
    "hidden": (11, 7),
    "channels": (3, 4),
    "latent_dim": LATENT_DIM,
    "n_categories": 4,
    "n_components": 3,
    "n_images": 20,
    "n_clusters": 5,
    "generator_hidden": (11, 7),
    "discriminator_hidden": (9, 8),
    "n_pieces": 2,
    "n_steps": 5,
}
CONSTANT_SAMPLERS = {"mean_image", "nn_pixels"}
"""Recipes that draw nothing when they sample: a control, and a deterministic network."""


@dataclass(frozen=True)
class Case:
    recipe: str
    network: str
    options: dict = field(hash=False)
    shape: tuple[int, int, int]

    def build(self, seed=0):
        """Build in float64, from a seed."""
        known = recipes[self.recipe].options
        files = {"path": archive_of(self.shape, seed)} if "path" in known.model_fields else {}
        facts = DataFacts(self.shape, N_CLASSES, self.mean_image(), N_TRAIN)
        with seeded(seed, "init"):
            built = recipes[self.recipe].build(facts, known(**self.options, **files), TrainConfig())
        built.model.double()
        if built.closed_form:
            x, y = self.data(seed=seed, n=200, built=built)
            built.closed_form(*((x, y) if built.closed_form_labels else (x,)))
        built.model.eval()
        return built

    def mean_image(self):
        generator = torch.Generator().manual_seed(9)
        return 0.1 + 0.8 * torch.rand(self.shape, generator=generator)

    def data(self, seed=0, n=B, built=None):
        generator = torch.Generator().manual_seed(seed)
        x = torch.rand(n, *self.shape, dtype=torch.float64, generator=generator)
        y = torch.randint(N_CLASSES, (n,), generator=generator)
        domain = built.observation.domain if built and built.observation else ""
        steps = {"binary": 1, "grey_levels": 255}.get(domain)
        return ((x * steps).round() / steps if steps else x), y

    @property
    def name(self):
        kind = self.options.get("observation", "")
        kind = kind["kind"] if isinstance(kind, dict) else kind
        shape = "x".join(map(str, self.shape))
        parts = (self.recipe, self.network, shape, kind, self.options.get("posterior", ""))
        return "-".join(part for part in parts if part)


def _cases():
    for place, recipe in enumerate(recipes):
        keys = recipes[recipe].options.model_fields
        networks = ("mlp", "conv") if "network" in keys else ("mlp", "mlp")
        options = {k: v for k, v in SMALL.items() if k in keys}
        for i, observation in enumerate(_observations(keys)):
            extra = options | ({"observation": observation} if observation else {})
            grey, colour = networks[:: -1 if i % 2 else 1]
            yield _case(recipe, grey, extra, SHAPES[grey])
            yield _case(recipe, colour, extra, COLOUR[colour])
            yield _case(recipe, "mlp", extra, ODD[(place + i) % len(ODD)])
        if "posterior" in keys:
            for posterior in ("isotropic", "full"):
                yield _case(recipe, "mlp", options | {"posterior": posterior}, SHAPES["mlp"])


def _case(recipe, network, options, shape):
    has_networks = "network" in recipes[recipe].options.model_fields
    return Case(recipe, network, options | ({"network": network} if has_networks else {}), shape)


def _observations(fields):
    """Return every observation model that a recipe can be asked for; one empty one for none."""
    if "observation" not in fields:
        return ({},)
    kind = fields["observation"].annotation
    return get_args(kind) if get_origin(kind) is Literal else OBSERVATIONS


CASES = list(_cases())


@dataclass
class Ready:
    """A built recipe, data for it, and the view of its model that has densities."""

    case: Case
    built: object
    x: torch.Tensor
    y: torch.Tensor

    @classmethod
    @cache
    def of(cls, case):
        """Return one for all tests of a case, which leave it as it is."""
        return cls.fresh(case)

    @classmethod
    def fresh(cls, case, seed=0):
        """Return one that a test may change."""
        built = case.build(seed)
        return cls(case, built, *case.data(built=built))

    @property
    def model(self):
        return self.built.model

    @property
    def view(self):
        return bind(self.model, self.y, self.x)

    @property
    def shape(self):
        return self.case.shape

    def batch(self):
        return Batch(self.x, self.y, indices=torch.arange(B))

    @property
    def latent_dim(self):
        """Numbers in one code: of the prior if there is one, else of the encoder."""
        if isinstance(self.view, HasPrior):
            return self.view.prior().event_shape[0]
        return self.view.encode(self.x).shape[1] if isinstance(self.view, Autoencodes) else 0

    def codes(self, *leading, seed=3):
        """Codes on which the prior has a density: any, inside its limits, or one-hot."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(*leading, self.latent_dim, dtype=torch.float64, generator=generator)
        if not isinstance(self.view, HasPrior):
            return z
        support = self.view.prior().support
        if support.is_discrete:
            return torch.nn.functional.one_hot(z.argmax(-1), self.latent_dim).double()
        return z if support.check(99 * z).all() else z.tanh()


def with_capability(needs):
    """Parametrise over the cases whose model, once labels are bound, can do this."""
    able = [case for case in CASES if not missing(Ready.of(case).view, needs)]
    return pytest.mark.parametrize("case", able, ids=lambda case: case.name)


def conditional():
    able = [case for case in CASES if isinstance(Ready.of(case).model, Conditions)]
    return pytest.mark.parametrize("case", able, ids=lambda case: case.name)


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
TRAINED = [case for case in CASES if Ready.of(case).built.updates]
trained_cases = pytest.mark.parametrize("case", TRAINED, ids=lambda case: case.name)


def outputs(ready):
    """What a model answers, one tensor per deterministic method it has."""
    view, found = ready.view, {}
    z = ready.codes(B)
    with torch.no_grad(), seeded(7, "outputs"):
        if hasattr(view, "observation_model"):
            found["observation_model"] = view.observation_model(z).log_prob(ready.x)
        if hasattr(view, "posterior"):
            found["posterior"] = view.posterior(ready.x).log_prob(z)
        if hasattr(view, "decode"):
            found["decode"] = view.decode(z)
        if hasattr(view, "encode"):
            found["encode"] = view.encode(ready.x)
        if hasattr(view, "critic"):
            found["critic"] = view.critic(ready.x)
        if hasattr(view, "log_prob"):
            found["log_prob"] = view.log_prob(ready.x)
        if hasattr(view, "elbo_draws"):
            found["elbo_draws"] = view.elbo_draws(ready.x, 2)
        if hasattr(view, "sample"):
            found["sample"] = view.sample(B)
    return found
