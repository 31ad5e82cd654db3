"""Evaluation throughput per recipe: bounds, annealing and samples, through the evaluators."""

import pytest
import torch

from genbench.core.capabilities import bind
from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from tests.benchmarks.workloads import NETWORKS, anneals, fresh, images, samples, trainable, weighs

N_DATA, N_SAMPLED = 100, 1000
WEIGHING = {"n_samples": 50}
ANNEALING = {"n_chains": 4, "n_temperatures": 5, "n_leapfrog": 5, "n_data": 20}


@pytest.fixture
def timed_evaluator(measure):
    """Time an evaluator on fresh models; the number it gives is finite."""

    def go(evaluator, options, name, network):
        model = fresh(name, network).model
        x, y = images(1, N_DATA).held_out("test")
        task = make_task(evaluator, options)

        def evaluate():
            (outcome,) = evaluate_model(x, y, [task], Context(model, Stream(0)))
            return outcome

        n = task.n_of(N_DATA)
        (row,) = measure(evaluate, images=n, **options).rows
        assert (row.status, row.n) == ("ok", n)
        assert row.value < 0

    return go


@trainable(weighs)
def test_iw_bound(timed_evaluator, name, network):
    timed_evaluator("iw_log_likelihood", WEIGHING, name, network)


@trainable(anneals)
def test_ais(timed_evaluator, name, network):
    timed_evaluator("ais_log_likelihood", ANNEALING, name, network)


@trainable(samples, NETWORKS)
def test_sampling(measure, name, network):
    model = fresh(name, network).model.eval()
    view = bind(model, images(1, N_SAMPLED).held_out("test").y)

    @torch.no_grad()
    def draw():
        return view.sample(N_SAMPLED)

    found = measure(draw, images=N_SAMPLED)
    assert found.shape == (N_SAMPLED, 1, 28, 28)
    assert found.isfinite().all()
