"""Formulas on the page, and its style."""

import re
from importlib import resources

from genbench.reporting.page.rendering import maths


def test_formula_is_escaped_and_set_with_indices():
    assert maths("z_k < σ^2") == "z<sub>k</sub> &lt; σ<sup>2</sup>"
    assert maths("Var_x ‖z‖^2") == "Var<sub>x</sub> ‖<i>z</i>‖<sup>2</sup>"


def test_few_samples_are_cut_off_where_there_is_no_room_and_never_stretched():
    style = resources.files("genbench.reporting.page") / "templates" / "report.css"
    rules = re.findall(r"\.strip img \{([^}]*)\}", style.read_text())
    cut = [dict(re.findall(r"([\w-]+): ([^;]+);", rule + ";")) for rule in rules]
    cut = [rule for rule in cut if rule.get("object-fit") == "cover"]
    assert len(cut) == 3  # narrow screen, phone and paper
    assert all(rule.get("width", "auto") == "auto" and "max-width" in rule for rule in cut)
