"""The two generator losses on networks small enough to differentiate by hand."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.studies import Findings, Setting, studies
from genbench.studies.small_models import digits
from genbench.studies.vanishing_gradient import (
    LOSSES,
    VanishingOptions,
    build_game,
    follow,
    gradient_norms,
    ratio_error,
    slope,
)

SMALL = VanishingOptions(
    hidden=(16,), latent_dim=4, n_steps=80, every=20, batch_size=32, learning_rate=5e-3
)
STREAM = Stream(0, ("test",))


@pytest.fixture(scope="module")
def data():
    return digits(Setting(STREAM), dequantisation="uniform")


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["vanishing_gradient"].function(SMALL, Setting(STREAM))


def test_a_short_training_passes_but_for_how_far_the_gradient_has_vanished(findings):
    exact, gone, kept = findings.checks
    assert exact.passed
    assert kept.passed
    assert gone.found < 1
    for plot in findings.plots:
        plot.require(findings.tables[plot.table].columns)
    assert len(findings.tables["norms"]) == 3 * 2 * 5


def test_the_ratio_of_the_norms_follows_what_the_discriminator_says(findings):
    told = findings.tables["judgements"]
    still = told[told["training"] == "fixed generator"]
    assert still["ratio"].is_monotonic_decreasing
    odds = still["d_fake"] / (1 - still["d_fake"])
    assert (still["ratio"] / odds).between(0.2, 5).all()


def test_trainings_start_from_the_same_networks(data):
    first, second = (build_game(loss, SMALL, data, STREAM).model for loss in LOSSES)
    found = [gradient_norms(model, 8, STREAM) for model in (first, second)]
    assert found[0] == found[1]


def test_a_generator_that_stands_still_is_not_moved_and_the_discriminator_is(data):
    built = build_game("minimax", SMALL, data, STREAM)
    before = {k: v.clone() for k, v in built.model.state_dict().items()}
    table, error = follow("minimax", SMALL, data, STREAM, discriminator_only=True)
    assert error < 1e-9
    assert table["step"].tolist() == [0, 20, 40, 60, 80]
    assert table["d_fake"].iloc[-1] < table["d_fake"].iloc[0]
    again = gradient_norms(built.model, 256, STREAM.child("measure"))
    assert table.loc[0, "minimax"] == again["minimax"]
    assert all(torch.equal(v, before[k]) for k, v in built.model.state_dict().items())


def test_the_gradients_of_one_image_point_the_same_way(data):
    model = build_game("minimax", SMALL, data, STREAM).model
    minimax, plain = (slope(model, loss, 1, STREAM) for loss in LOSSES)
    cosine = torch.nn.functional.cosine_similarity(minimax, plain, dim=0)
    assert cosine.item() == pytest.approx(1.0, abs=1e-5)
    assert ratio_error(model, STREAM) < 1e-9
