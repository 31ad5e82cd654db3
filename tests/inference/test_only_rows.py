"""A model that decodes draws of some data only."""

import torch

from genbench.core.seeding import Stream
from genbench.inference import bounds
from genbench.inference.only_rows import OnlyRows
from tests.inference.exact_models import Counting, WrongPosterior, correlated_data, fitted

X = correlated_data(30)
MODEL = WrongPosterior(fitted(X), 0.3, 1.4)
ROWS = torch.tensor([2, 5, 29])


def weights(model, proposal):
    return bounds.importance_weights(model, X, 40, 7, Stream(0), proposal).log_mean()


def test_weights_of_chosen_data_are_those_among_all():
    for proposal in ("posterior", "fitted"):
        found = weights(OnlyRows(MODEL, MODEL, ROWS), proposal)
        expected = weights(MODEL, proposal)
        assert torch.allclose(found[ROWS], expected[ROWS], rtol=1e-12, atol=0)
        others = torch.ones(30, dtype=torch.bool).index_fill(0, ROWS, False)
        assert found[others].isnan().all()


def test_only_chosen_data_are_decoded():
    shapes = []

    class Shapes(Counting):
        def observation_model(self, z):
            shapes.append(z.shape[1])
            return super().observation_model(z)

    weights(OnlyRows(MODEL, Shapes(MODEL), ROWS), "fitted")
    assert set(shapes) == {len(ROWS)}
