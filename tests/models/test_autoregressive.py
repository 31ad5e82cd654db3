"""The masked autoregressive model against sums over all images, and number by number."""

import itertools
import math

import pytest
import torch
from scipy.stats import chi2

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.distributions.observation import (
    BernoulliHead,
    DiscretisedLogisticHead,
    FixedGaussianHead,
    PixelGaussianHead,
    SharedGaussianHead,
)
from genbench.models.autoregressive import Made
from genbench.models.densities import IndependentBernoulli
from genbench.nets.masked import MaskedMlp
from genbench.recipes.networks import output_shape

SHAPE = (1, 2, 3)
HIDDEN = ((), (2,), (3, 5), (30,))
HEADS = {
    "bernoulli": BernoulliHead,
    "gaussian": lambda: FixedGaussianHead(0.3),
    "learned_gaussian": SharedGaussianHead,
    "pixel_gaussian": PixelGaussianHead,
    "levels": lambda: DiscretisedLogisticHead(4),
    "levels_per_pixel": lambda: DiscretisedLogisticHead(4, per_pixel=True),
}
every_head = pytest.mark.parametrize("head", HEADS)


def model(hidden=(8,), head="bernoulli", shape=SHAPE, stretch=3.0):
    """Return a model in float64 that is far from independent pixels."""
    observation, n_pixels = HEADS[head](), math.prod(shape)
    with seeded(0, "init"):
        output = output_shape(shape, observation.n_per_pixel)
        network = MaskedMlp(n_pixels, hidden, output, "tanh")
        network.start_at(observation.start(0.2 + 0.6 * torch.rand(shape)))
        made = Made(shape, network, observation).double()
    with torch.no_grad():
        for parameter in made.network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(stretch)
    return made


def all_images(shape=SHAPE, n_levels=2):
    levels = [k / (n_levels - 1) for k in range(n_levels)]
    images = list(itertools.product(levels, repeat=math.prod(shape)))
    return torch.tensor(images, dtype=torch.float64).reshape(-1, *shape)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_masses_of_all_images_add_up_to_one(hidden):
    total = model(hidden).log_prob(all_images()).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("head", ["levels", "levels_per_pixel"])
def test_the_masses_of_all_grey_images_add_up_to_one(head):
    made, x = model(head=head, shape=(1, 2, 2)), all_images((1, 2, 2), 4)
    assert made.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-12)


@every_head
@pytest.mark.parametrize("shape", [SHAPE, (3, 2, 1)])
def test_it_is_the_product_of_the_conditionals_it_draws_from(head, shape):
    made, n = model(head=head, shape=shape), 9
    images, log_px = made.pixel_by_pixel(n), torch.zeros(n, dtype=torch.float64)
    with seeded(0, "draws"):
        for _ in range(math.prod(shape)):
            p = images.next()
            x = p.sample()
            log_px += p.log_prob(x)
            images.put(x)
    x = images.so_far()
    assert x.shape == (n, *shape)
    assert torch.allclose(made.log_prob(x), log_px, rtol=1e-11)
    assert torch.allclose(made.log_prob(x.flatten(1)), log_px, rtol=1e-11)
    with seeded(0, "draws"):
        assert torch.equal(made.sample(n), x)


def test_conditionals_met_in_drawing_are_those_of_the_finished_image():
    made, logits = model((8, 4), shape=(2, 2, 3)), []
    images = made.pixel_by_pixel(50)
    with seeded(0, "draws"):
        for _ in range(12):
            p = images.next()
            logits.append(p.base_dist.logits.flatten())
            images.put(p.sample())
    whole = made.conditionals(images.so_far()).base_dist.logits.flatten(1)
    assert torch.allclose(torch.stack(logits, dim=1), whole, rtol=1e-12, atol=1e-13)
    assert whole.std(dim=0)[1:].min() > 0.01  # they do depend on the pixels before


def test_draws_have_the_probabilities_that_it_states():
    made, n = model(), 20_000
    with seeded(0, "draws"):
        x = made.sample(n).flatten(1)
    images = all_images()
    p = made.log_prob(images).exp().detach()
    places = (x @ 2.0 ** torch.arange(5, -1, -1).double()).long()
    assert torch.equal(images.flatten(1)[places], x)
    expected, found = n * p, torch.bincount(places, minlength=64)
    often = expected > 5  # the others are counted as one
    assert 20 < int(often.sum()) < 64
    together = [torch.cat((t[often], t[~often].sum()[None])) for t in (expected, found.double())]
    statistic = ((together[1] - together[0]).square() / together[0]).sum()
    assert chi2.sf(float(statistic), int(often.sum())) > 1e-3
    uniform = torch.full_like(p, n / 64)
    assert float(((found - uniform).square() / uniform).sum()) > chi2.isf(1e-9, 63)


def test_without_weights_its_pixels_are_independent():
    made, independent = model(stretch=0.0), IndependentBernoulli(SHAPE)
    mean = made.network.output.bias.detach().sigmoid().reshape(SHAPE)
    independent.put(mean=mean)
    x = all_images()
    assert torch.allclose(made.log_prob(x), independent.log_prob(x), rtol=1e-12)


@every_head
def test_a_row_depends_on_no_other(head):
    made = model(head=head)
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(2, (20, *SHAPE), generator=generator).double()
    whole = made.log_prob(x)
    alone = torch.cat([made.log_prob(row) for row in x.split(1)])
    assert torch.allclose(whole, alone, rtol=1e-12)
    assert torch.allclose(made.log_prob(x.flip(0)).flip(0), whole, rtol=1e-12)


def test_float_and_integer_images_are_read_alike():
    made, x = model(), all_images()
    assert torch.equal(made.log_prob(x.long()), made.log_prob(x))
    assert made.float().log_prob(x).dtype == torch.float32


def test_it_has_an_exact_density_and_draws_and_no_latent():
    made = model()
    assert caps.knows_log_px(made)
    assert isinstance(made, caps.Samples)
    for absent in (caps.HasPrior, caps.Encodes, caps.Decodes, caps.HasObservationModel):
        assert not isinstance(made, absent)
    assert made.sample(0).shape == (0, *SHAPE)


@every_head
def test_it_says_whether_its_density_is_a_mass(head):
    assert model(head=head).is_mass == (head in ("bernoulli", "levels", "levels_per_pixel"))
