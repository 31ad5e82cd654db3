"""What is refused before anything is computed."""

import pytest
import torch

from genbench.core.estimate import NonFiniteError, NotApplicableError
from genbench.core.seeding import Stream
from genbench.samples.frechet import frechet_distance
from genbench.samples.kid import kernel_distance
from genbench.samples.sliced import sliced_wasserstein
from genbench.samples.two_samples import c2st
from tests.samples.drawn import normal

METRICS = {
    "frechet": frechet_distance,
    "kid": kernel_distance,
    "sliced": lambda x, y: sliced_wasserstein(x, y, Stream(0)),
    "c2st": lambda x, y: c2st(x, y, Stream(0), "logistic"),
}


@pytest.fixture(params=METRICS)
def metric(request):
    return METRICS[request.param]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_feature_that_is_no_number_is_refused_on_both_sides(metric, side, bad):
    sets = [normal(0, 50, 2), normal(1, 50, 2)]
    sets[side][7, 1] = bad
    with pytest.raises(NonFiniteError, match=r"1 of 50 data .* datum 7"):
        metric(*sets)


@pytest.mark.parametrize("side", [0, 1])
def test_too_few_rows_are_refused_on_both_sides(metric, side):
    sets = [normal(0, 50, 2), normal(1, 50, 2)]
    sets[side] = sets[side][:1]
    what = ("samples", "images in the reference")[side]
    with pytest.raises(NotApplicableError, match=rf"needs \d+ {what}.*, found 1$"):
        metric(*sets)


def test_features_of_two_spaces_are_an_error_of_the_caller(metric):
    with pytest.raises(ValueError, match=r"\[50, 2\] and \[50, 3\]"):
        metric(normal(0, 50, 2), normal(1, 50, 3))
