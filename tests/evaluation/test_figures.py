"""The tensors behind a report's figures: nothing picked, nothing the model cannot do."""

from types import SimpleNamespace

import pytest
import torch
from torch.distributions import kl_divergence

from genbench.core.figures import FIGURES
from genbench.core.seeding import Stream
from genbench.evaluation import figures as model_figures
from genbench.evaluation.figure_source import affordable
from genbench.evaluation.figures import collect_figures
from tests.contracts.builders import CASES, N_CLASSES, Ready
from tests.evaluation.helpers import LINEAR, X, small_gan


def dataset(x, y):
    return SimpleNamespace(held_out=lambda split: (x, y), n_classes=N_CLASSES)


def of(model, x=X, y=None, seed=0, **figures):
    y = torch.arange(len(x)) % N_CLASSES if y is None else y
    return collect_figures(model, dataset(x, y), Stream(seed), **figures)


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
    assert a.shape == (model_figures.N_SAMPLES, *X.shape[1:])
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
    assert found["class_samples"].shape == (N_CLASSES, model_figures.N_PER_CLASS, *ready.shape)
    assert found["samples"].shape == (model_figures.N_SAMPLES, *ready.shape)
    with torch.no_grad(), Stream(0).child("class_samples").seeded():
        labels = torch.arange(N_CLASSES).repeat_interleave(model_figures.N_PER_CLASS)
        images = ready.model.given(labels).sample(len(labels))
    expected = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    assert torch.equal(found["class_samples"].flatten(0, 1), expected)


def test_a_model_of_three_methods_has_the_same_images():
    case = next(case for case in CASES if case.recipe == "cvae" and case.network == "mlp")
    ready = Ready.of(case)

    class Three:
        def __init__(self, of):
            self.prior, self.posterior = of.prior, of.posterior
            self.observation_model = of.observation_model

    class Given:
        def given(self, y):
            return Three(ready.model.given(y))

    for three, whole, data in (
        (Three(LINEAR), LINEAR, (X, None)),
        (Given(), ready.model, (ready.x, ready.y)),
    ):
        found, expected = of(three, *data), of(whole, *data)
        for name in ("samples", "reconstructions", "class_samples"):
            assert (name in found) == (name in expected)
            assert torch.equal(found.get(name, X), expected.get(name, X))


def test_of_many_classes_the_first_are_shown():
    case = next(case for case in CASES if case.recipe == "cvae" and case.network == "mlp")
    ready = Ready.of(case)
    many = SimpleNamespace(held_out=lambda _: (ready.x, ready.y), n_classes=300)

    class Given:
        def given(self, y):
            return ready.model.given(y % N_CLASSES)

    found = collect_figures(Given(), many, Stream(0), figures=["class_samples"])
    expected = (model_figures.N_CLASSES, model_figures.N_PER_CLASS, *ready.shape)
    assert found["class_samples"].shape == expected


def test_fewer_large_images_are_kept():
    x = torch.empty(3, 3, 300, 300)
    assert affordable(64, x) == 5_000_000 // x[0].numel() == 18
    assert affordable(64, x, least=25) == 25
    assert affordable(64, x[..., :28, :28]) == 64


def test_a_figure_does_not_depend_on_which_others_are_made():
    together = of(LINEAR, figures=FIGURES)
    for names in (FIGURES[::-1], *((name,) for name in FIGURES)):
        for key, tensor in of(LINEAR, figures=names).items():
            assert torch.equal(tensor, together[key]), (names, key)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_recipe_has_its_figures_or_goes_without(case):
    ready = Ready.of(case)
    found = of(ready.model, ready.x, ready.y, figures=FIGURES)
    for name, tensor in found.items():
        assert torch.isfinite(tensor.double()).all(), name
    images = [t for name, t in found.items() if t.dtype == torch.uint8]
    assert all(t.shape[-3:] == ready.shape for t in images)


def test_figures_are_of_a_model_in_eval_mode_and_leave_its_mode():
    class Dropping(torch.nn.Dropout):
        def sample(self, n):
            return self(torch.ones(n, 1, 2, 2))

    model = Dropping(0.5).train()
    assert set(of(model)["samples"].unique().tolist()) == {255}
    assert model.training
