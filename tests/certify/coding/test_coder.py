"""Every registered recipe that states masses codes images; lengths against exact answers."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from genbench.certify.coding.coder import decode, encode, levels_of
from genbench.certify.coding.schemes import Known
from genbench.core.errors import StorageError
from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import seeded
from genbench.distributions.latent import DiagonalNormal
from genbench.distributions.observation import BernoulliHead
from genbench.inference.bounds import elbo_terms
from genbench.models.autoregressive import Made
from genbench.models.densities import IndependentBernoulli
from genbench.models.hierarchical_vae import HierarchicalVae
from genbench.models.vae import Vae
from genbench.nets.masked import MaskedMlp
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.contracts.builders import Ready, every_case

HEAD_BITS = 48
NO_MASSES = "a density of pixels|neither masses of pixels nor a posterior"
SHAPE = (1, 4, 4)


def coded_and_decoded(model, x, y=None):
    known = Known.of(model, x, y)
    coded = encode(model, known, x)
    images = decode(model, known, coded.payload, coded.n_images, coded.n_initial)
    assert (images == levels_of(x, coded.n_levels)).all()
    return coded


def tiny_vae(seed=0):
    with seeded(seed, "tiny"):
        encoder, decoder = MlpEncoder(16, (8,), "tanh"), MlpDecoder(2, (8,), SHAPE, "tanh")
        model = Vae(encoder, DiagonalNormal(8, 2), decoder, BernoulliHead(), 2)
        with torch.no_grad():
            decoder.output.weight.mul_(5)
    return model.eval()


def binary(n, seed=0, shape=SHAPE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator).round()


@every_case
def test_a_recipe_with_masses_codes_images(case):
    ready = Ready.of(case)
    head = ready.built.observation
    if head is None or head.measure != "mass" or case.recipe == "variational_em":
        with pytest.raises(NotApplicableError, match=NO_MASSES):
            encode(ready.model, Known.of(ready.model, ready.x, ready.y), ready.x)
        return
    coded = coded_and_decoded(ready.model, ready.x, ready.y)
    if coded.is_exact:
        ideal = -ready.view.log_prob(ready.x).double().sum().item() / math.log(2)
        assert abs(coded.n_bits - ideal) < HEAD_BITS + 0.001 * ideal


def tiny_layers(seed=0):
    with seeded(seed, "layers"):
        encoder, decoder = MlpEncoder(16, (8,), "tanh"), MlpDecoder(2, (8,), SHAPE, "tanh")
        parts = (encoder, DiagonalNormal(8, 2), decoder, BernoulliHead())
        model = HierarchicalVae(*parts, sizes=(2, 3), hidden=(6,), activation="tanh")
        with torch.no_grad():
            decoder.output.weight.mul_(3)
    return model.eval()


@pytest.mark.parametrize("model", [tiny_vae, tiny_layers])
def test_bits_back_costs_the_negative_elbo(model):
    model, x = model().double(), binary(1_500)
    coded = coded_and_decoded(model, x)
    with seeded(1, "elbo"), torch.no_grad():
        terms = elbo_terms(model, x.double(), 100, control_variate=True)
    one_draw = (100 * terms.elbo_variance).sum().sqrt().item()
    nats = coded.n_bits * math.log(2)
    assert abs(nats + terms.elbo.sum().item()) < 4 * one_draw + HEAD_BITS
    assert one_draw < 0.005 * nats  # the band is narrow


def test_a_latent_that_says_nothing_costs_nothing():
    model, x = tiny_vae().double(), binary(300)
    with torch.no_grad():
        for linear in (model.posterior_head.linear, model.decoder.output):
            linear.weight.zero_()
        model.posterior_head.linear.bias.copy_(torch.tensor([0, 0, 1, 1]).double() * INVERSE_OF_ONE)
    p = model.decoder.output.bias.sigmoid().reshape(SHAPE)
    ideal = -(x * p.log2() + (1 - x) * (1 - p).log2()).sum().item()
    assert abs(coded_and_decoded(model, x).n_bits - ideal) < HEAD_BITS


INVERSE_OF_ONE = math.log(math.expm1(1.0))
"""softplus of it is 1."""


def test_the_order_is_kept_and_the_model_left_alone():
    model, x = tiny_vae(), binary(20)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    coded = coded_and_decoded(model, x)
    assert coded.payload == coded_and_decoded(model, x).payload
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert next(model.parameters()).dtype == torch.float32


def test_other_weights_are_noticed_at_the_end():
    model, x = tiny_vae(), binary(40)
    known = Known(SHAPE)
    coded = encode(model, known, x)
    other = tiny_vae(seed=1)
    with pytest.raises(StorageError, match=r"does not end where it began|ends before|not draw"):
        decode(other, known, coded.payload, coded.n_images, coded.n_initial)


def test_a_rounding_error_in_a_weight_is_noticed_too():
    model, x = tiny_vae(), binary(200)
    coded = encode(model, Known(SHAPE), x)
    with torch.no_grad():
        model.decoder.output.bias[0] += 1e-5
    with pytest.raises(StorageError, match=r"does not end where it began|ends before|not draw"):
        decode(model, Known(SHAPE), coded.payload, coded.n_images, coded.n_initial)


def tiny_made():
    with seeded(0, "tiny"):
        network = MaskedMlp(16, (20,), SHAPE, "tanh")
        with torch.no_grad():
            network.output.weight.mul_(20)
        return Made(SHAPE, network, BernoulliHead())


def test_an_autoregressive_model_costs_its_log_density():
    model, n = tiny_made().double(), 1_000
    with seeded(0, "draws"):
        x = model.sample(n)
    ideal = -model.log_prob(x).sum().item() / math.log(2)
    assert ideal < 0.95 * 16 * n
    assert 0 <= coded_and_decoded(model, x.float()).n_bits - ideal < HEAD_BITS + 1e-4 * ideal


TINY = {"vae": tiny_vae(), "pixels": IndependentBernoulli(SHAPE), "made": tiny_made()}


@pytest.mark.parametrize("model", TINY.values(), ids=TINY)
def test_random_bits_are_no_code(model):
    random = np.random.default_rng(0)
    for n in range(0, 200, 2):
        with pytest.raises(StorageError):
            decode(model, Known(SHAPE), random.bytes(n), 50, 3)


def test_images_between_the_levels_are_refused():
    for x in (binary(2) * 0.5, binary(2) * 2, binary(2) - 1, binary(2) * torch.nan):
        with pytest.raises(NotApplicableError, match="other values than 2 levels"):
            encode(tiny_vae(), Known(SHAPE), x)


def test_a_model_without_masses_is_refused():
    with pytest.raises(NotApplicableError, match="neither masses"):
        encode(nn.Linear(1, 1), Known(SHAPE), binary(2))


def test_levels_are_bytes():
    x = torch.arange(256, dtype=torch.float32).reshape(1, 1, 16, 16) / 255
    assert levels_of(x, 256).tobytes() == bytes(range(256))
    assert levels_of(x, 256).dtype == np.uint8
