"""Formulas on the page."""

from genbench.reporting.page.rendering import maths


def test_formula_is_escaped_and_set_with_indices():
    assert maths("z_k < σ^2") == "z<sub>k</sub> &lt; σ<sup>2</sup>"
    assert maths("Var_x ‖z‖^2") == "Var<sub>x</sub> ‖<i>z</i>‖<sup>2</sup>"
