"""The tensors behind a report's figures: nothing picked, nothing the model cannot do."""

from types import SimpleNamespace

import torch
from torch.distributions import kl_divergence

from genbench.core.seeding import Stream
from genbench.evaluation import pictures
from genbench.evaluation.pictures import collect_pictures
from tests.contracts.builders import CASES, N_CLASSES, Ready
from tests.evaluation.helpers import LINEAR, X, small_gan


def dataset(x, y):
    return SimpleNamespace(held_out=lambda split: (x, y), n_classes=N_CLASSES)


def of(model, x=X, y=None, seed=0):
    y = torch.arange(len(x)) % N_CLASSES if y is None else y
    return collect_pictures(model, dataset(x, y), Stream(seed))


def test_the_first_data_are_shown_beside_their_reconstructions():
    found = of(LINEAR)
    expected = (X[:16].clamp(0, 1) * 255).round().to(torch.uint8)
    assert torch.equal(found["originals"], expected)
    decoded = LINEAR.decode(LINEAR.encode(X[:16]))
    difference = found["reconstructions"].double() - decoded.clamp(0, 1) * 255
    assert difference.abs().max() <= 0.5 + 1e-9


def test_samples_follow_the_stream_and_leave_the_global_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    a, b, c = (of(LINEAR, seed=s)["samples"] for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert a.shape == (pictures.N_SAMPLES, *X.shape[1:])
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_what_a_model_lacks_is_absent():
    assert set(of(small_gan())) == {"samples"}


def test_latent_means_are_those_of_the_two_dimensions_with_the_largest_kl():
    found = of(LINEAR)
    q = LINEAR.posterior(X)
    means = q.mean.float()
    kl = kl_divergence(q.base_dist, LINEAR.prior().base_dist).mean(dim=0)
    dims = kl.argsort(descending=True)[:2]
    assert torch.equal(found["latent_dims"], dims)
    assert torch.equal(found["latent_means"], means[:, dims])
    assert torch.equal(found["latent_labels"], torch.arange(len(X)) % N_CLASSES)


def test_a_conditional_model_shows_each_class():
    case = next(case for case in CASES if case.recipe == "cvae" and case.network == "mlp")
    ready = Ready.of(case)
    found = of(ready.model, ready.x, ready.y)
    assert found["class_samples"].shape == (N_CLASSES, pictures.N_PER_CLASS, *ready.shape)
    assert found["samples"].shape == (pictures.N_SAMPLES, *ready.shape)
    with torch.no_grad(), Stream(0).child("samples").seeded():
        labels = torch.arange(N_CLASSES).repeat_interleave(pictures.N_PER_CLASS)
        images = ready.model.given(labels).sample(len(labels))
    expected = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    assert torch.equal(found["class_samples"].flatten(0, 1), expected)
