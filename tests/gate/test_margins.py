"""Margins by metric, and what users may say of them."""

import pytest

from genbench.core.errors import ConfigError
from genbench.core.metric import NATS_MARGIN, Metric, Parts
from genbench.core.protocol import Protocol
from genbench.evaluation import runner  # noqa: F401  registers the evaluators
from genbench.evaluation.spec import evaluators
from genbench.gate.entries import DENSITY_FACTOR, default_margin
from genbench.gate.margins import asked_margin, parse_margins, with_margins
from tests.gate.tables import METRICS, entry

MASS, DENSITY = (Protocol.parse(f"d@1/none/1+1+1/{measure}") for measure in ("mass", "density"))
MARGINS = {
    "elbo": (0.5, 3.0),
    "iw_log_likelihood": (0.5, 3.0),
    "label_marginal_log_likelihood": (0.5, 3.0),
    "iw_extrapolated": (0.5, 3.0),
    "iw_curve": (0.5, 3.0),
    "log_likelihood": (0.5, 3.0),
    "ais_log_likelihood": (2.0, 12.0),
    "bdmc_gap": (2.0, 12.0),
    "prior_bound": (5.0, 30.0),
    "prior_log_likelihood": (2.0, 12.0),
    "parzen_log_likelihood": (2.0, 12.0),
    "reconstruction_log_prob": (1.0, 6.0),
    "bits_per_dim": (0.02, 0.12),
    "kl": (1.0, 1.0),
    "kl_per_dim": (0.5, 0.5),
    "kl_decomposition": (1.0, 1.0),
    "inference_gap": (0.5, 0.5),
    "reconstruction_mse": (0.005, 0.005),
    "mmd2": (0.004, 0.004),
    "active_units": (2.0, 2.0),
    "active_units_sweep": (2.0, 2.0),
    "fd_infinity": (1.0, 1.0),
    "fd": (1.0, 1.0),
    "kid": (0.5, 0.5),
    "precision": (0.05, 0.05),
    "recall": (0.05, 0.05),
    "density": (0.1, 0.1),
    "coverage": (0.05, 0.05),
    "c2st": (0.05, 0.05),
    "class_coverage": (1.0, 1.0),
    "vendi": (1.0, 1.0),
    "sliced_wasserstein": (0.1, 0.1),
    "authenticity": (0.05, 0.05),
    "memorisation_z": (2.0, 2.0),
}
"""Of probabilities, and of densities."""


@pytest.mark.parametrize("name", sorted(evaluators))
def test_margins_of_every_evaluator_are_pinned(name):
    record = evaluators[name].record
    assert MARGINS[name] == pytest.approx(
        (default_margin(record, MASS), default_margin(record, DENSITY)), rel=1e-12
    )


@pytest.mark.parametrize("name", sorted(evaluators))
def test_margins_are_positive_and_no_smaller_for_densities(name):
    record = evaluators[name].record
    assert 0 < default_margin(record, MASS) <= default_margin(record, DENSITY)


def test_every_directed_evaluator_has_a_margin():
    directed = [evaluators[n].record for n in evaluators if evaluators[n].record.directed]
    assert [m.name for m in directed if default_margin(m, Protocol()) is None] == []


def test_a_condition_does_not_hide_the_measure():
    given = Protocol.parse("d@1/none/1+1+1/density|label")
    assert default_margin(METRICS["elbo"], given) == DENSITY_FACTOR * METRICS["elbo"].margin


def test_parts_have_the_margin_of_their_whole():
    record = METRICS["elbo"].model_copy(update={"name": "split", "margin": 0.7, "parts": Parts()})
    assert entry(metric="split[2]", metrics={"split": record}).margin == 0.7


def test_a_metric_in_nats_has_the_margin_of_a_bound_unless_it_states_one():
    shared = {"version": 1, "better": "higher", "kind": "estimate", "title": "Own"}
    in_nats = Metric(name="own", unit="nats", **shared)
    assert default_margin(in_nats, DENSITY) == NATS_MARGIN == METRICS["elbo"].margin
    assert Metric(name="own", unit="nats", margin=3.0, **shared).margin == 3.0
    assert default_margin(Metric(name="accuracy", unit="share", **shared), MASS) is None


def test_settings_are_read():
    assert parse_margins(["elbo=0.5", "gan+normal/mmd2=1e-3"]) == {
        "elbo": 0.5,
        "gan+normal/mmd2": 0.001,
    }


@pytest.mark.parametrize("text", ["elbo", "elbo=", "elbo=x", "=1", "elbo=0", "elbo=-1", "elbo=nan"])
def test_a_wrong_setting_is_named(text):
    with pytest.raises(ConfigError, match=f"margin: expected METRIC=NUMBER .*, not '{text}'"):
        parse_margins([text])


def test_the_more_precise_name_wins():
    asked = {"elbo": 1.0, "vae/elbo": 2.0}
    assert asked_margin("vae", "elbo", asked) == 2.0
    assert asked_margin("ae", "elbo", asked) == 1.0
    assert asked_margin("vae", "kl", asked) is None


WHOLE = entry()
PART = WHOLE.model_copy(update={"model": "ae", "metric": "iw_curve[4]"})


@pytest.mark.parametrize("name", ["elbo", "vae/elbo", "iw_curve", "iw_curve[4]", "ae/iw_curve[4]"])
def test_a_margin_may_name_a_metric_its_part_and_its_model(name):
    assert [e.margin for e in with_margins([WHOLE, PART], {name: 7.0})].count(7.0) == 1


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("elob", "'elbo'"),
        ("iw_curve[8]", "'iw_curve[4]'"),
        ("vea/elbo", "'vae/elbo'"),
        ("ae/elbo", "'vae/elbo'"),
        ("vae/elob", "'vae/elbo'"),
    ],
)
def test_a_margin_of_no_number_is_refused_with_the_nearest(name, nearest):
    with pytest.raises(ConfigError) as caught:
        with_margins([WHOLE, PART], {name: 1.0})
    assert str(caught.value).startswith(f"margin: no number '{name}'; did you mean {nearest}? ")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_from_python_is_positive_too(value):
    with pytest.raises(ConfigError, match="expected a number > 0, not "):
        with_margins([WHOLE], {"elbo": value})
