"""The objective of flow matching, against what the best velocity cannot know."""

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.objectives.flow_matching import VelocityError
from tests.draws import randn
from tests.models.test_flow_matching import COVARIANCE, MEAN, SHAPE, D, gaussian, network


def unknown(n_steps):
    """The mean of |l - e - E[l - e | l_t]|^2 over the times of a model, of Gaussian logits."""
    eye, found = torch.eye(D).double(), []
    for t in torch.arange(2 * n_steps).double() / (2 * n_steps):
        cross = t * COVARIANCE - (1 - t) * eye
        spread = t**2 * COVARIANCE + (1 - t) ** 2 * eye
        left = COVARIANCE + eye - cross @ torch.linalg.inv(spread) @ cross
        found.append(float(left.trace()))
    return sum(found) / len(found)


def batch(n, seed=0):
    factor = torch.linalg.cholesky(COVARIANCE)
    logits = MEAN + randn(n, D, seed=seed) @ factor.mT
    x = ((logits.sigmoid() - 0.05) / 0.9).reshape(n, *SHAPE)
    return Batch(x, torch.zeros(n))


@pytest.mark.parametrize("n_steps", [1, 8])
def test_the_best_velocity_leaves_what_crossing_paths_hide(n_steps):
    model, losses = gaussian(n_steps), []
    for seed in range(200):
        with seeded(seed, "loss"):
            losses.append(VelocityError()(model, batch(100, seed)).value)
    found = torch.stack(losses)
    band = 4 * float(found.std()) / len(found) ** 0.5
    assert float(found.mean()) == pytest.approx(unknown(n_steps), abs=band)
    assert band < 0.1 * unknown(n_steps)


def test_any_other_velocity_has_a_larger_error():
    best, other = gaussian(8), gaussian(8)
    other.network = network(8, size=0.3).network
    differences = []
    for seed in range(50):
        pair = []
        for model in (best, other):
            with seeded(seed, "loss"):
                pair.append(VelocityError()(model, batch(100, seed)).value)
        differences.append(pair[1] - pair[0])
    found = torch.stack(differences)
    assert float(found.mean()) > 4 * float(found.std()) / len(found) ** 0.5


def test_it_logs_the_error_of_one_number():
    with seeded(0, "loss"):
        loss = VelocityError()(network(), batch(7))
    assert loss.logged.keys() == {"velocity_mse"}
    assert float(loss.logged["velocity_mse"]) * D == pytest.approx(float(loss.value), rel=1e-12)
