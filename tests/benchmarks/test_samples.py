"""The metrics of samples for one model: 10,000 samples and 55,000 training images, 64 features."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.samples.balls import coverage, density, precision, recall
from genbench.samples.frechet import frechet_distance, frechet_extrapolated
from genbench.samples.kid import kernel_distance
from genbench.samples.memorisation import NearestTraining, authenticity
from genbench.samples.neighbours import Neighbourhoods
from genbench.samples.sliced import sliced_wasserstein
from genbench.samples.two_samples import c2st
from genbench.samples.vendi import vendi_score
from tests.samples.drawn import normal

N_SAMPLES, N_TRAINING, N_FEATURES = 10_000, 55_000, 64


def balls(samples, training):
    near = Neighbourhoods(samples, training[: len(samples)])
    return [metric(near) for metric in (precision, recall, density, coverage)]


METRICS = {
    "balls": balls,
    "authenticity": lambda x, training: authenticity(NearestTraining(x, training)),
    "frechet": frechet_distance,
    "frechet without bias": lambda x, training: frechet_extrapolated(x, training, Stream(0)),
    "kernel": lambda x, training: kernel_distance(x, training[: len(x)]),
    "sliced": lambda x, training: sliced_wasserstein(x, training[: len(x)], Stream(0)),
    "two samples": lambda x, training: c2st(x, training[: len(x)], Stream(0)),
    "vendi": lambda x, training: vendi_score(x),
}


@pytest.fixture(scope="module")
def sets():
    """Samples and training images of one distribution whose features are of unequal size."""
    mix = normal(0, N_FEATURES, N_FEATURES) / 8
    return tuple((normal(n, n, N_FEATURES) @ mix).tanh() for n in (N_SAMPLES, N_TRAINING))


@pytest.mark.parametrize("name", METRICS)
def test_metric_of_samples(measure, sets, name):
    with torch.no_grad():
        assert measure(lambda: METRICS[name](*sets), images=N_SAMPLES, warm_up=0)
