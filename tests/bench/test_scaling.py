"""Exponents of exact and of noisy power laws."""

import random

import matplotlib.image
import pytest
from scipy.stats import linregress

from genbench.bench.scaling import draw_scaling, fit_exponent, scaling_lines, with_exponents


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_an_exact_power_law_is_found(exponent):
    x = [1, 3, 10, 50, 200]
    found = fit_exponent(x, [7 * value**exponent for value in x])
    assert found.value == pytest.approx(exponent, abs=1e-14)
    assert found.stderr == pytest.approx(0, abs=1e-7)


def test_the_standard_error_is_that_of_a_straight_line():
    import numpy as np

    random.seed(1)
    x = [2**i for i in range(8)]
    y = [value**0.8 * random.uniform(0.9, 1.1) for value in x]
    line = linregress(np.log(x), np.log(y))
    found = fit_exponent(x, y)
    assert found.value == pytest.approx(line.slope, rel=1e-12)
    assert found.stderr == pytest.approx(line.stderr, rel=1e-10)


def test_two_points_have_an_exponent_without_an_error():
    found = fit_exponent([1, 2], [1, 8])
    assert found.value == pytest.approx(3.0, rel=1e-14)
    assert found.stderr is None


@pytest.fixture
def study(row):
    def make(recipe, exponent):
        return [
            row(
                recipe=recipe, task="iw", study="n_samples", study_value=k,
                step_seconds=0.001 * k**exponent,
            )
            for k in (1, 10, 100)
        ]  # fmt: skip

    return make


def test_each_line_of_a_study_has_its_own_exponent(study):
    rows = with_exponents([*study("vae", 1.0), *study("cvae", 0.5)])
    assert [round(r["exponent"], 12) for r in rows] == [1.0] * 3 + [0.5] * 3
    assert list(scaling_lines(rows)) == ["vae iw, batch 128", "cvae iw, batch 128"]


def test_the_figure_of_a_study_shows_its_line(study, tmp_path):
    files = draw_scaling(with_exponents(study("vae", 1.0)), tmp_path)
    assert [file.name for file in files] == ["bench_n_samples.png", "bench_n_samples.pdf"]
    picture = matplotlib.image.imread(files[0])
    blue = (picture[..., 2] > 0.5) & (picture[..., 0] < 0.2)
    rows, columns = blue.nonzero()
    assert columns.max() - columns.min() > picture.shape[1] / 3
    assert rows.max() - rows.min() > picture.shape[0] / 3
    assert files[1].read_bytes().startswith(b"%PDF")
