"""Recipes of hidden pixels: what is shown, what is refused, and what training finds."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from genbench.core.errors import ConfigError
from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.recipes import DataFacts, recipes
from genbench.recipes.pixels import QUADRANTS, ColumnsCondition, QuadrantsCondition
from genbench.training.config import TrainConfig


def build(name, shape=(1, 4, 4), **options):
    facts = DataFacts(shape, 10, torch.full(shape, 0.5))
    with seeded(0, "init"):
        built = recipes[name].build(facts, recipes[name].options(**options), TrainConfig())
    built.model.double()
    return built


def test_a_condition_that_shows_no_pixel_is_refused():
    with pytest.raises(ConfigError, match="bottom left has no pixel in a 9x1 image"):
        build("nn_pixels", shape=(3, 9, 1))


@pytest.mark.parametrize(
    ("shown", "n_hidden"),
    [
        (("bottom_left",), 588),
        (("top_left", "bottom_left"), 392),
        (("top_left", "top_right", "bottom_left"), 196),
    ],
)
def test_the_quadrants_of_the_published_protocol_hide_588_392_and_196_pixels(shown, n_hidden):
    mask = QuadrantsCondition(shown=shown).mask(28, 28)
    assert int((~mask).sum()) == n_hidden
    built = build("cvae_pixels", (1, 28, 28), condition={"kind": "quadrants", "shown": shown})
    assert int(built.model.hidden().sum()) == n_hidden
    assert built.model.decoder.body[-1].out_features == n_hidden


def test_each_quadrant_is_where_its_name_says():
    corners = {"top_left": (0, 0), "top_right": (0, -1), "bottom_left": (-1, 0)}
    for name, corner in (corners | {"bottom_right": (-1, -1)}).items():
        mask = QuadrantsCondition(shown=(name,)).mask(6, 8)
        assert mask[corner]
        assert int(mask.sum()) == 12
    odd = [QuadrantsCondition(shown=(name,)).mask(5, 7) for name in QUADRANTS]
    assert torch.equal(torch.stack(odd).sum(0), torch.ones(5, 7).long())


def test_columns_are_shown_from_top_to_bottom():
    mask = ColumnsCondition(kind="columns", shown=(4, 1)).mask(3, 6)
    assert mask.all(dim=0).nonzero().flatten().tolist() == [1, 4]
    assert int(mask.sum()) == 6


def test_the_order_in_which_parts_are_named_says_nothing():
    a, b = (
        recipes["cvae_pixels"].options(condition={"kind": "quadrants", "shown": shown})
        for shown in (["bottom_left", "top_left"], ["top_left", "bottom_left", "top_left"])
    )
    assert a == b
    assert a.condition.describe() == "top left + bottom left"
    columns = ColumnsCondition(kind="columns", shown=(9, 3))
    assert columns.describe() == "columns 3 9"
    assert build("nn_pixels").shown == "bottom left"


def test_conditions_without_sense_are_refused():
    options = recipes["nn_pixels"].options
    with pytest.raises(ConfigError, match=r"condition.shown: no column 4; .* 0 to 3"):
        build("nn_pixels", condition={"kind": "columns", "shown": [1, 4]})
    with pytest.raises(ConfigError, match="all pixels are shown"):
        build("nn_pixels", condition={"kind": "columns", "shown": [0, 1, 2, 3]})
    for condition in (
        {"kind": "quadrants", "shown": ["middle"]},
        {"kind": "quadrants", "shown": []},
        {"kind": "rows", "shown": [1]},
        {"kind": "columns", "shown": [-1]},
    ):
        with pytest.raises(ValidationError):
            options(condition=condition)


def two_faces(n=400):
    """The left half says which of two pairs of patterns the right half is drawn from, half each."""
    generator = torch.Generator().manual_seed(0)
    which = torch.randint(2, (n, 2), generator=generator)
    left = which[:, 0].double().reshape(n, 1, 1).expand(n, 4, 2)
    right = torch.zeros(n, 4, 2).double()
    right[torch.arange(n), 2 * which[:, 0] + which[:, 1]] = 1.0
    return torch.cat((left, right), dim=2).unsqueeze(1)


def trained(built, x, steps, rate):
    (update,) = built.updates
    optimizer = torch.optim.Adam(update.parameters, rate)
    batch = Batch(x, torch.zeros(len(x), dtype=torch.int64))
    with seeded(0, "train"):
        for _ in range(steps):
            optimizer.zero_grad()
            update.objective(built.model, batch).value.backward()
            optimizer.step()
    return built.model


def number(model, metric, x, **options):
    task = make_task(metric, options)
    (row,) = evaluate_model(x, None, [task], Context(model, Stream(0)))[0].rows
    return row


HALF = {"condition": {"kind": "quadrants", "shown": ["top_left", "bottom_left"]}}


def test_one_network_pays_for_pixels_that_hang_together_and_the_latent_does_not():
    """Given the left half the right one is one of two patterns: log 2 nats, if they are known.

    Pixels that are independent of each other cost log 2 for each of the four that differ.
    """
    x, test = two_faces()[:300], two_faces()[300:]
    network = trained(build("nn_pixels", hidden=(16,), **HALF), x, 300, 0.02)
    exact = number(network, "log_likelihood", test)
    assert exact.kind == "exact"
    assert exact.value == pytest.approx(-4 * math.log(2), abs=0.15)
    cvae = build("cvae_pixels", hidden=(16,), latent_dim=1, activation="tanh", **HALF)
    model = trained(cvae, x, 500, 0.04)
    by_prior = number(model, "prior_log_likelihood", test, n_samples=200)
    by_posterior = number(model, "iw_log_likelihood", test, n_samples=200)
    assert by_prior.value == pytest.approx(-math.log(2), abs=0.25)
    stderr = np.hypot(by_prior.mc_stderr, by_posterior.mc_stderr)
    assert abs(by_prior.value - by_posterior.value) < 4 * stderr + 1e-3
