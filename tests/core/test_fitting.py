"""Fits by a library end in the same bits each time."""

import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info, threadpool_limits

from genbench.core.fitting import fit_repeatably


class Witness:
    """Says how many threads a fit has."""

    def fit(self, data):
        self.threads = {pool["num_threads"] for pool in threadpool_info()}


def test_a_fit_has_one_thread_and_gives_the_others_back():
    witness = Witness()
    with threadpool_limits(2):
        before = threadpool_info()
        fit_repeatably(witness, torch.zeros(2, 2))
        assert threadpool_info() == before
    assert witness.threads == {1}


@pytest.mark.parametrize("estimator", [GaussianMixture(3, max_iter=1), KMeans(3, max_iter=1)])
def test_stopping_at_the_limit_of_steps_is_no_warning(estimator):
    data = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fit_repeatably(estimator.set_params(random_state=0), data)
    assert estimator.n_features_in_ == 4
