"""Registering evaluators, and what a block of data shares."""

import pytest
import torch

from genbench.core.capabilities import HasPosterior, Variational
from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.evaluation.spec import Block, Context, PerDatum, evaluator, evaluators
from tests.evaluation.helpers import Everything, X, only, outcome

KNOWN = {
    "elbo": ("nats", "higher", "lower_bound"),
    "iw_log_likelihood": ("nats", "higher", "lower_bound"),
    "iw_curve": ("nats", "higher", "lower_bound"),
    "iw_extrapolated": ("nats", "higher", "estimate"),
    "prior_bound": ("nats", "higher", "lower_bound"),
    "prior_log_likelihood": ("nats", "higher", "lower_bound"),
    "label_marginal_log_likelihood": ("nats", "higher", "lower_bound"),
    "ais_log_likelihood": ("nats", "higher", "lower_bound"),
    "bdmc_gap": ("nats", "lower", "upper_bound"),
    "log_likelihood": ("nats", "higher", "exact"),
    "parzen_log_likelihood": ("nats", "higher", "estimate"),
    "mmd2": ("squared MMD", "lower", "estimate"),
    "bits_per_dim": ("bits/dim", "lower", "upper_bound"),
    "reconstruction_mse": ("squared intensity", "lower", "exact"),
    "reconstruction_log_prob": ("nats", "higher", "estimate"),
    "kl": ("nats", "none", "exact"),
    "kl_per_dim": ("nats", "none", "exact"),
    "kl_decomposition": ("nats", "none", "estimate"),
    "inference_gap": ("nats", "none", "estimate"),
    "active_units": ("dimensions", "none", "estimate"),
    "active_units_sweep": ("dimensions", "none", "estimate"),
    "fd_infinity": ("squared distance", "lower", "estimate"),
    "fd": ("squared distance", "lower", "upper_bound"),
    "kid": ("squared MMD", "lower", "estimate"),
    "precision": ("share", "higher", "estimate"),
    "recall": ("share", "higher", "estimate"),
    "density": ("balls", "higher", "estimate"),
    "coverage": ("share", "higher", "estimate"),
    "c2st": ("share", "lower", "estimate"),
    "class_coverage": ("classes", "higher", "estimate"),
    "vendi": ("images", "none", "estimate"),
    "sliced_wasserstein": ("distance", "lower", "upper_bound"),
    "authenticity": ("share", "none", "estimate"),
    "memorisation_z": ("standard deviations", "none", "estimate"),
}


def test_every_registered_evaluator_is_pinned():
    assert set(KNOWN) == set(evaluators)


def test_only_the_label_marginal_stands_under_another_name():
    others = {n: evaluators[n].metric for n in evaluators if evaluators[n].metric != n}
    assert others == {"label_marginal_log_likelihood": "iw_log_likelihood"}


@pytest.mark.parametrize("name", KNOWN)
def test_unit_direction_and_kind_of_a_metric_are_pinned(name):
    record = evaluators[name].record
    assert (record.unit, record.better, record.kind) == KNOWN[name]


@pytest.mark.parametrize("name", sorted(evaluators))
def test_every_evaluator_is_documented_for_a_reader(name):
    record = evaluators[name].record
    assert record.name == name
    assert record.title
    assert record.formula
    assert record.description.endswith(".")
    assert record.version >= 1
    assert all(":" in citation for citation in record.cites)


@pytest.fixture
def own_table(monkeypatch):
    monkeypatch.setattr(evaluators, "_entries", dict(evaluators._entries))


@pytest.mark.usefixtures("own_table")
def test_an_evaluator_of_a_user_is_found_and_run():
    @evaluator(
        name="code_length",
        version=3,
        needs=HasPosterior,
        unit="squares",
        better="lower",
        kind="exact",
        title="Length",
        formula="|z|²",
    )
    def code_length(block, options):
        """Squared length
        of the code.

        Not shown.
        """
        return PerDatum(block.model.posterior(block.x).mean.square().sum(1))

    assert evaluators["code_length"].record.description == "Squared length of the code."
    assert evaluators["code_length"].needs == (HasPosterior,)
    row = only(outcome(Everything(), "code_length"))
    expected = Everything().posterior(X).mean.square().sum(1).mean().item()
    assert row.value == pytest.approx(expected, rel=1e-12)
    assert row.evaluator_version == 3


@pytest.mark.usefixtures("own_table")
def test_a_name_is_given_once():
    register = evaluator(
        name="elbo", version=9, needs=Variational, unit="nats", better="higher",
        kind="exact", title="", formula="",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="'elbo' is already registered"):
        register(lambda block, options: None)
    assert evaluators["elbo"].record.version != 9


def test_terms_of_the_elbo_are_computed_once_for_each_number_of_draws():
    block = Block(Everything(), X[:5], Stream(0), Context(Everything(), Stream(0)))
    first = block.elbo_terms(3)
    assert block.elbo_terms(3) is first
    other = block.elbo_terms(4)
    assert not torch.equal(first.log_px_given_z, other.log_px_given_z)
    assert torch.equal(first.kl, other.kl)
