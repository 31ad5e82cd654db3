"""The generator's gradient under the minimax and the non-saturating loss."""

import copy
import math
from collections.abc import Iterator

import pandas as pd
import torch
from pydantic import PositiveFloat
from torch import Tensor

from genbench.core.objective import Batch, Objective
from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.models.gan import Gan
from genbench.objectives.adversarial import MinimaxGanGenerator, NsGanGenerator
from genbench.recipes import Built, DataFacts, recipes
from genbench.recipes.options import Layers
from genbench.studies.small_models import digits, flat_gradient
from genbench.studies.study import (
    N_PIXELS,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    at_most,
    equal,
    n_weights,
    study,
)
from genbench.training.config import TrainConfig
from genbench.training.step import Step

LOSSES: dict[str, Objective] = {
    "minimax": MinimaxGanGenerator(),
    "non-saturating": NsGanGenerator(),
}
RECIPES = {"minimax": "gan_minimax", "non-saturating": "gan"}
N_SINGLE = 20
"""Number of single images whose gradient ratio is compared with its exact value."""
PLOTS = (
    Plot(
        name="norms",
        title="Gradient norm of the generator under both losses",
        caption="Both norms are taken at the same parameters and codes. If only the discriminator "
        "learns, the minimax gradient vanishes with D(G(z)). For a single image their ratio is "
        "exactly D / (1 - D).",
        table="norms",
        x="step",
        y=("gradient_norm",),
        hue="loss",
        panel="training",
        log_y=True,
        x_label="steps",
        y_label="norm of the gradient",
    ),
    Plot(
        name="d_fake",
        title="The discriminator's verdict on generated images",
        caption="Mean D(G(z)) in the same three training runs.",
        table="judgements",
        x="step",
        y=("d_fake",),
        hue="training",
        log_y=True,
        x_label="steps",
        y_label="mean D(G(z))",
    ),
)


class VanishingOptions(StudyOptions):
    """Two networks without batch norm, which would couple the images of a batch."""

    hidden: Layers = (128, 128)
    latent_dim: Count = 16
    n_steps: Count = 600
    every: Count = 10
    batch_size: Count = 64
    learning_rate: PositiveFloat = 1e-3

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(
            n_weights(N_PIXELS, *self.hidden, self.latent_dim),
            self.batch_size * max((N_PIXELS, *self.hidden)),
        )


def build_game(loss: str, options: VanishingOptions, data: Dataset, stream: Stream) -> Built:
    """Return a GAN with its two updates; the same stream gives the same weights for any loss."""
    recipe = recipes[RECIPES[loss]]
    mean_image = data.mean_image
    facts = DataFacts(data.image_shape, data.n_classes, mean_image)
    chosen = {"hidden": options.hidden, "latent_dim": options.latent_dim, "batch_norm": False}
    with stream.child("init").seeded():
        return recipe.build(facts, recipe.options.model_validate(chosen), TrainConfig())


def play(
    built: Built,
    options: VanishingOptions,
    data: Dataset,
    stream: Stream,
    *,
    discriminator_only: bool,
) -> Iterator[int]:
    """Train at a constant rate; yield the number of steps at the start and every few steps."""
    updates = built.updates[:1] if discriminator_only else built.updates
    train = TrainConfig(batch_size=options.batch_size, learning_rate=options.learning_rate)
    step = Step(built.model, updates, data, train)
    order = stream.child("order").generator()
    for done in range(options.n_steps + 1):
        if done % options.every == 0:
            yield done
        indices = torch.randint(data.size("train"), (options.batch_size,), generator=order)
        with stream.child("noise", done).seeded():
            step(indices, 0.0)


def slope(model: Gan, loss: str, n: int, stream: Stream) -> Tensor:
    """Return the gradient of a generator loss over n images in the generator's parameters."""
    batch = Batch(torch.empty(n, 0), torch.empty(n))
    with stream.seeded():
        value = LOSSES[loss](model, batch).value
    return flat_gradient(value, model.generator.parameters())


def gradient_norms(model: Gan, n: int, stream: Stream) -> dict[str, float]:
    """Return both losses' gradient norms at the same parameters and images, and mean D(G(z))."""
    with stream.seeded(), torch.no_grad():
        fake = model.critic(model.sample(n)).sigmoid().mean()
    norms = {loss: float(slope(model, loss, n, stream).norm()) for loss in LOSSES}
    return {"d_fake": float(fake), **norms}


def ratio_error(model: Gan, stream: Stream) -> float:
    """Return the largest relative error of norm(minimax) / norm(non-saturating) = D / (1 - D).

    For a single image, the two gradients are -D and -(1 - D) times that of its logit; in float64.
    """
    exact, errors = copy.deepcopy(model).double(), []
    for i in range(N_SINGLE):
        own = stream.child("single", i)
        with own.seeded(), torch.no_grad():
            logit = float(exact.critic(exact.sample(1)))
        minimax, plain = (float(slope(exact, loss, 1, own).norm()) for loss in LOSSES)
        errors.append(abs(minimax / plain / math.exp(logit) - 1))
    return max(errors)


def follow(
    loss: str, options: VanishingOptions, data: Dataset, stream: Stream, *, discriminator_only: bool
) -> tuple[pd.DataFrame, float]:
    """Train and measure along the way; return the measurements and the largest ratio error."""
    built, rows, errors = build_game(loss, options, data, stream), [], []
    model: Gan = built.model  # type: ignore[assignment]
    for done in play(built, options, data, stream, discriminator_only=discriminator_only):
        rows.append({"step": done} | gradient_norms(model, 256, stream.child("measure")))
        if done % max(1, options.n_steps // 4) == 0:
            errors.append(ratio_error(model, stream))
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["minimax"] / table["non-saturating"]), max(errors)


def _checks(still: pd.DataFrame, error: float) -> Iterator[StudyCheck]:
    """Check the ratio of the gradients, and how they change if only D learns."""
    first, last = still.iloc[0], still.iloc[-1]
    name = "single images: norm(minimax) / norm(non-saturating) is D / (1 - D)"
    note = "largest relative error over images, steps and training runs, in float64"
    yield equal(name, 0.0, error, 1e-9, note)
    name = "fixed generator: last minimax norm over its largest"
    ratio = last["minimax"] / still["minimax"].max()
    yield at_most(name, 0.05, ratio, note="the gradient vanishes as D(G(z)) does")
    name = "fixed generator: last non-saturating norm over its first"
    ratio = last["non-saturating"] / first["non-saturating"]
    yield at_least(name, 1.0, ratio, note="the gradient does not vanish")


@study(
    "vanishing_gradient",
    title="The vanishing gradient of the minimax loss",
    options=VanishingOptions,
)
def vanishing_gradient(options: VanishingOptions, setting: Setting) -> Findings:
    """The generator's gradient norm under both losses, at the same parameters, in three runs.

    In the first only the discriminator learns, against a fixed generator; in the others both learn,
    the generator with one loss each. The norms are over the same 256 codes throughout.

    References:
        Goodfellow et al. 2014, section 3.
    """
    data, stream = digits(setting, dequantisation="uniform"), setting.stream
    still, first = follow("minimax", options, data, stream, discriminator_only=True)
    trainings, errors = {"fixed generator": still}, [first]
    for loss in LOSSES:
        table, error = follow(loss, options, data, stream, discriminator_only=False)
        trainings[f"trained by {loss}"] = table
        errors.append(error)
    whole = pd.concat([t.assign(training=k) for k, t in trainings.items()], ignore_index=True)
    keys = ["training", "step"]
    norms = whole.melt(keys, list(LOSSES), "loss", "gradient_norm")
    tables = {"norms": norms, "judgements": whole[[*keys, "d_fake", "ratio"]]}
    return Findings(tables, tuple(_checks(still, max(errors))), PLOTS)
