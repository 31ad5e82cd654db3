"""All claims of a model in one world."""

import math

import pytest
import torch

from genbench.certify.model_sums import sums_of_model
from genbench.certify.trained import Case, trained
from genbench.certify.worlds import LAWS, worlds_of
from genbench.inference.weights import ImportanceWeights


class Uniform:
    """A model that says that all images are equally likely, with one fault."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def log_prob(self, x):
        return torch.full((len(x),), math.log(self.factor) - 9 * math.log(2))


def test_a_claim_of_too_much_or_too_little_fails_by_its_sum():
    (world,) = worlds_of("binary")
    for factor, passes in ((1.0, True), (1.21, False), (0.159, False)):
        verdict, *_ = sums_of_model(Uniform(factor), world, "uniform")
        assert verdict.subject == "uniform: log_likelihood"
        assert verdict.check == "sum over the 3x3 binary world"
        assert verdict.expected == "1"
        assert verdict.found == pytest.approx(factor, abs=1e-4)
        assert verdict.passed == passes
        assert passes or verdict.reason


def test_conditional_claims_and_those_without_labels_are_summed():
    case = Case("cvae", "binary", "bernoulli")
    verdicts = {v.subject: v for v in sums_of_model(trained(case), case.worlds[0], "cvae")}
    assert all(v.passed for v in verdicts.values())
    marginal = verdicts["cvae: label_marginal_log_likelihood"]
    assert marginal.expected == "at most 1"  # rare labels have few draws
    assert marginal.found == pytest.approx(1, abs=marginal.tolerance)
    assert verdicts["cvae: elbo"].found < 1


class Knows(Uniform):
    """A model that knows the distribution of the data, and a bound on it that may lie too high."""

    is_mass = True

    def __init__(self, above=0.0):
        super().__init__()
        self.above, law = above, LAWS["binary"].joint.sum(dim=1)
        self.log_law = law.log().float()

    def log_prob(self, x):
        place = (x.flatten(1).long() * 2 ** torch.arange(8, -1, -1)).sum(dim=1)
        return self.log_law[place] + self.above


def test_of_what_is_impossible_the_worst_is_shown_and_every_failure():
    (world,) = worlds_of("binary")
    honest = {v.check: v for v in sums_of_model(Knows(), world, "knows")}
    length = honest["mean code length in the 3x3 binary world"]
    assert length.passed
    law = LAWS["binary"].joint.sum(dim=1)
    assert length.found == pytest.approx(-float((law * law.log()).sum()), abs=1e-4)
    wrong = list(sums_of_model(Knows(0.5), world, "knows"))
    failed = [v.check.partition(" in ")[0] for v in wrong if not v.passed]
    assert failed.count("mean code length") == 2  # of log p(x) itself, and of its bits


def test_an_evaluator_that_divides_by_too_few_draws_is_caught_and_named(monkeypatch):
    honest = ImportanceWeights.log_mean
    monkeypatch.setattr(ImportanceWeights, "log_mean", lambda w: honest(w) + math.log(1.21))
    case = Case("vae", "binary", "bernoulli")
    verdicts = list(sums_of_model(trained(case), case.worlds[0], "vae"))
    failed = {v.subject: v.reason for v in verdicts if not v.passed}
    assert failed.keys() == {
        "vae: ais_log_likelihood",
        "vae: iw_curve[32]",
        "vae: iw_log_likelihood",
        "vae: prior_log_likelihood",
    }
    assert "all values are off by the same factor 1.21" in failed["vae: iw_log_likelihood"]
