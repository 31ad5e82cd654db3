"""The KL study against numbers worked out by hand and against sums over fine grids."""

import numpy as np
import pytest

from genbench.core.seeding import Stream
from genbench.studies import Findings, NoOptions, Setting, studies
from genbench.studies.kl_examples import gaussian, kl


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["kl_examples"].function(NoOptions(), Setting(Stream(0)))


def test_every_check_passes(findings):
    assert len(findings.checks) == 9
    assert [c.name for c in findings.checks if not c.passed] == []


def test_the_coins_are_a_tenth_of_what_the_slides_print(findings):
    fair_first, fair_last = findings.checks[:2]
    assert fair_first.found == pytest.approx(0.0872, abs=5e-5)
    assert fair_last.found == pytest.approx(0.0823, abs=5e-5)


def test_the_kl_is_entropy_taken_from_cross_entropy_by_a_riemann_sum():
    def density(z, m, s):
        return np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))

    z = np.linspace(-12, 12, 200_001)
    q, p = density(z, 1, 0.7), density(z, -0.5, 2)
    expected = np.trapezoid(q * np.log(q / p), z)
    assert float(kl(gaussian(1.0, 0.7), gaussian(-0.5, 2.0))) == pytest.approx(expected, abs=1e-9)


def test_both_directions_agree_only_where_the_scales_do(findings):
    curves = findings.tables["curves"]
    moved = curves.set_index("moved")
    gap = (curves["KL(q || p)"] - curves["KL(p || q)"]).abs().groupby(curves.moved).max()
    assert gap["mean of q (scale 1)"] < 1e-12
    assert gap["log scale of q (mean 0)"] > 1
    assert (moved["KL(q || p)"] > -1e-12).all()


def test_a_wrong_formula_would_be_caught(findings):
    grid = findings.tables["gaussians"]
    assert grid.kl.max() > 1, "a grid of equal Gaussians would prove nothing"
    assert (grid.kl < 1e-12).sum() < len(grid) / 4
