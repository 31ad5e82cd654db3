"""The recipe of flow matching: where it starts, what it learns, and what it refuses."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError

from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.objectives.flow_matching import VelocityError
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from tests.recipes.helpers import IMAGE, build_recipe, passes_independent_pixels

build = partial(build_recipe, "flow_matching")


def test_it_is_trained_on_the_error_of_its_velocity():
    built = build()
    (update,) = built.updates
    assert update.objective == VelocityError()
    assert (built.observation.measure, built.observation.domain) == ("density", "unit_interval")
    name = "density by change of variables in 10 steps, alpha 0.001"
    assert built.observation_name == name
    assert built.needs_noise


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_it_starts_as_nearly_independent_pixels_around_the_mean_image(alpha):
    model = build(alpha=alpha, n_steps=5).model
    z = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        image, same = model.from_noise(torch.zeros(1, 20))[0], model.image(z)
        moved = model.from_noise(z)
    assert torch.allclose(image, IMAGE, atol=0.02)
    assert torch.allclose(moved, same, atol=0.02)
    u = alpha + (1 - 2 * alpha) * IMAGE
    spread = (IMAGE * (1 - IMAGE)).sqrt() * (1 - 2 * alpha) / (u * (1 - u))
    assert torch.allclose(model.log_scale.exp(), spread.flatten(), rtol=1e-4)


def test_the_options_are_those_of_the_model():
    model = build(n_steps=7, hidden=(6, 5), activation="tanh", alpha=0.2).model
    assert (model.n_steps, model.alpha) == (7, 0.2)
    assert len(model.network.sinusoids) == 14
    assert [layer.out_features for layer in model.network.body[::2]] == [6, 5]
    assert {type(layer) for layer in model.network.body[1::2]} == {torch.nn.Tanh}


def test_training_lowers_its_loss_and_its_density_passes_independent_pixels():
    data = load(DataConfig(name="digits", dequantisation="uniform"))
    train, test = data.held_out("train").x, data.held_out("test").x[:100]
    config = TrainConfig(epochs=20, batch_size=64, learning_rate=1e-2, schedule="cosine")
    built = build(train.mean(dim=0), hidden=(128,), n_steps=8)
    start = built.model.log_prob(test).mean()
    history = fit(Loop(built.model, built.updates, data, config, Stream(0, ("train",)))).history
    losses = [row["train.flow.loss"] for row in history]
    assert losses[-1] < losses[0] - 10
    log_px = built.model.eval().log_prob(test)
    assert passes_independent_pixels(log_px, test, train)
    assert float(log_px.mean()) > float(start) + 20
    z = torch.randn(300, 64, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        found, log_det = built.model.double().to_noise(built.model.from_noise(z))
    assert float((found - z).abs().max()) < 1e-10  # one number alone becomes each image
    assert torch.isfinite(log_det).all()


@pytest.mark.parametrize(
    "option",
    [{"n_steps": 0}, {"n_steps": 1001}, {"alpha": 0.5}, {"alpha": -0.1}],
)
def test_options_have_limits(option):
    with pytest.raises(ValidationError):
        build(**option)
