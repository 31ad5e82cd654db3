"""The recipe of a diffusion model: where it starts, what it learns, and what it refuses."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError

from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream, seeded
from genbench.data import DataConfig, load
from genbench.objectives.diffusion import NegativeDiffusionElbo
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from tests.recipes.helpers import IMAGE, build_recipe, passes_independent_pixels

build = partial(build_recipe, "diffusion")


def test_it_is_trained_on_the_weighting_that_is_asked_for():
    built = build()
    (update,) = built.updates
    assert update.objective == NegativeDiffusionElbo(hybrid=True)
    assert build(weighting="elbo").updates[0].objective == NegativeDiffusionElbo(hybrid=False)
    assert (built.observation.measure, built.observation.domain) == ("density", "unit_interval")
    assert built.observation_name == "Gaussian around denoised images, 100 steps"
    assert built.needs_noise


def test_it_starts_as_a_gaussian_around_the_mean_image():
    model = build().model
    assert torch.equal(model.centre, IMAGE.flatten())
    assert torch.allclose(model.scale**2, (IMAGE * (1 - IMAGE)).flatten())


def test_the_options_are_those_of_the_model():
    ratios = {"max_log_snr": 3, "min_log_snr": -2, "schedule": "linear"}
    model = build(n_steps=7, hidden=(6, 5), activation="tanh", **ratios).model
    assert model.n_steps == 7
    assert model.log_snr[1:].tolist() == pytest.approx(torch.linspace(3, -2, 7).tolist())
    assert [layer.out_features for layer in model.denoiser.body[::2]] == [6, 5]
    assert {type(layer) for layer in model.denoiser.body[1::2]} == {torch.nn.Tanh}
    angle = (-build(n_steps=7).model.log_snr[1:] / 2).exp().atan()
    assert torch.allclose(angle.diff(), angle.diff()[:1].expand(6), rtol=1e-3)


def test_training_lowers_its_loss_and_the_bound_passes_independent_pixels():
    data = load(DataConfig(name="digits", dequantisation="uniform"))
    train, test = data.held_out("train").x, data.held_out("test").x
    config = TrainConfig(epochs=30, batch_size=64, learning_rate=1e-2, schedule="cosine")
    built = build(train.mean(dim=0), hidden=(128,))
    with torch.no_grad(), seeded(0, "elbo"):
        start = built.model.elbo_draws(test, 1).mean()
    history = fit(Loop(built.model, built.updates, data, config, Stream(0, ("train",)))).history
    losses = [row["train.diffusion.loss"] for row in history]
    assert losses[-1] < losses[0] - 10
    with torch.no_grad(), seeded(0, "elbo"):
        draws = built.model.eval().elbo_draws(test, 4).mean(dim=0)
    assert passes_independent_pixels(draws, test, train)
    assert float(draws.mean()) > float(start) + 20


@pytest.mark.parametrize(
    "option",
    [{"n_steps": 1}, {"n_steps": 1001}, {"max_log_snr": 31}, {"min_log_snr": -31.0}],
)
def test_options_have_limits(option):
    with pytest.raises(ValidationError):
        build(**option)


def test_a_ratio_that_does_not_fall_is_refused():
    words = r"^min_log_snr: 3 must be below max_log_snr, 2$"
    with pytest.raises(ConfigError, match=words):
        build(max_log_snr=2, min_log_snr=3)
