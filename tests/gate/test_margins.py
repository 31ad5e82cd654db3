"""Margins by metric, and what users may say of them."""

import pytest

from genbench.core.errors import ConfigError
from genbench.gate.margins import MARGINS, asked_margin, default_margin, parse_margins


@pytest.mark.parametrize("metric", sorted(MARGINS))
def test_margins_are_positive_and_no_smaller_for_densities(metric):
    mass, density = (default_margin(metric, f"d@1/none/1+1+1/{m}") for m in ("mass", "density"))
    assert 0 < mass <= density


def test_every_directed_evaluator_has_a_margin():
    pytest.importorskip("torch")
    import genbench.evaluation.runner  # noqa: F401  registers them
    from genbench.evaluation.spec import evaluators

    directed = {e.metric: e for e in (evaluators[n] for n in evaluators) if e.better != "none"}
    without = [n for n, e in directed.items() if default_margin(n, "", e.unit) is None]
    assert without == []


def test_a_condition_does_not_hide_the_measure():
    assert default_margin("elbo", "d@1/none/1+1+1/density|label") == 6 * MARGINS["elbo"]


def test_parts_have_the_margin_of_their_whole():
    assert default_margin("iw_curve[K=5]", "") == MARGINS["iw_curve"]


def test_settings_are_read():
    assert parse_margins(["elbo=0.5", "gan+normal/mmd2=1e-3"]) == {
        "elbo": 0.5,
        "gan+normal/mmd2": 0.001,
    }


@pytest.mark.parametrize("text", ["elbo", "elbo=", "elbo=x", "=1", "elbo=0", "elbo=-1", "elbo=nan"])
def test_a_wrong_setting_is_named(text):
    with pytest.raises(ConfigError, match=f"margin: '{text}'"):
        parse_margins([text])


def test_the_more_precise_name_wins():
    asked = {"elbo": 1.0, "vae/elbo": 2.0}
    assert asked_margin("vae", "elbo", asked) == 2.0
    assert asked_margin("ae", "elbo", asked) == 1.0
    assert asked_margin("vae", "kl", asked) is None
