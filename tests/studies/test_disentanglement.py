"""Information by counting, the gap of codes where it is known, and the study on a small budget."""

import itertools

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from genbench.core.seeding import Stream
from genbench.studies import Setting, studies
from genbench.studies.disentanglement import (
    DisentanglementOptions,
    bin_indices,
    information,
    mutual_information_gap,
)
from genbench.training.config import TrainConfig

KNOWN = np.array(list(itertools.product(range(4), range(4), range(2))))
OWN = KNOWN.astype(float)


@pytest.fixture(scope="module")
def findings():
    train = TrainConfig(epochs=15, batch_size=64, learning_rate=2e-3, select="last")
    sizes = DisentanglementOptions(
        betas=(1.0, 8.0), n_seeds=1, hidden=(32,), latent_dim=3, train=train
    )
    return studies["disentanglement"].function(sizes, Setting(Stream(0)))


def test_information_is_that_of_scikit_learn():
    draw = np.random.default_rng(0)
    a = draw.integers(0, 6, 500)
    b = np.where(draw.random(500) < 0.5, a % 3, draw.integers(0, 3, 500))
    assert information(a, b) == pytest.approx(mutual_info_score(a, b), rel=1e-12)
    assert information(a, a) == pytest.approx(entropy(np.bincount(a)), rel=1e-12)


def test_a_cell_holds_numbers_of_one_width_and_both_ends():
    column = np.array([0.0, 0.99, 1.0, 1.5, 3.2, 4.0])
    assert bin_indices(column, 4).tolist() == [0, 0, 1, 1, 3, 3]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_code_with_a_coordinate_for_each_factor_has_gap_one(order):
    spread = np.concatenate([np.exp(OWN[:, order]), np.zeros((len(OWN), 2))], axis=1)
    assert mutual_information_gap(spread, KNOWN, 200) == pytest.approx(1, abs=1e-12)


def test_a_code_that_says_everything_twice_has_gap_zero():
    assert mutual_information_gap(np.hstack([OWN, -OWN]), KNOWN, 20) == pytest.approx(0, abs=1e-12)


def test_a_code_that_blends_two_factors_evenly_has_gap_zero():
    a, b = OWN[:, 0], OWN[:, 1]
    blend = np.stack([a + b, a - b], axis=1)
    assert mutual_information_gap(blend, KNOWN[:, :2], 20) == pytest.approx(0, abs=1e-12)


def test_half_of_the_factors_alone_gives_half_the_gap():
    """Factor 0 stands alone; factor 1 stands twice: gaps 1 and 0."""
    code = OWN[:, [0, 1, 1]]
    assert mutual_information_gap(code, KNOWN[:, :2], 20) == pytest.approx(0.5, abs=1e-12)


def test_a_code_of_noise_has_nearly_no_gap():
    draw = np.random.default_rng(1)
    known = np.repeat(KNOWN, 100, axis=0)
    noise = draw.normal(size=(len(known), 4))
    assert mutual_information_gap(noise, known, 20) < 0.02


def test_every_check_passes_and_the_parts_follow_beta(findings):
    assert [c.name for c in findings.checks if not c.passed] == []
    runs = findings.tables["runs"].set_index("beta")
    assert runs.kl[8.0] < runs.kl[1.0]
    assert (runs.index_code_mi > 0).all()


def test_the_traversals_move_the_picture(findings):
    images = findings.arrays["traversals"]
    assert images.shape == (3, 7, 20, 20)
    assert 0 <= images.min() < images.max() <= 1
    assert np.abs(images[0, 0] - images[0, -1]).max() > 0.05


def test_the_plots_find_their_columns(findings):
    for plot in findings.plots:
        if plot.table:
            plot.require(findings.tables[plot.table].columns)
        else:
            assert plot.array in findings.arrays
