"""Bugs of the gallery of impossible likelihoods: each makes a sum over a small world impossible.

Where genbench has the code, the bug is injected there, and the sum of a recipe's claim must turn
red. What no recipe has (solvers, grey pixels in a Bernoulli) is injected in the gallery.
"""

import math
from dataclasses import replace
from functools import cache

import torch
from torch.distributions import Normal
from torch.nn.functional import linear

from genbench.certify.claims import Likelihood, claims_of, tasks_in
from genbench.certify.gallery.bugs import BUGS
from genbench.certify.gallery.exhibits import Subject
from genbench.certify.points import points_of
from genbench.certify.sums import N_REPEATS, judge_sum
from genbench.certify.trained import cases_of, trained
from genbench.core.seeding import Stream
from genbench.evaluation import likelihood, spec
from genbench.inference import bounds
from genbench.nets.masked import MaskedLinear
from genbench.training.threads import threads
from tests.mutations import field_bugs
from tests.mutations.mutation import Mutation

REAL_TERMS = spec.elbo_terms
REAL_WEIGHTS = bounds.log_weights
REAL_LOG_MEAN = bounds.ImportanceWeights.log_mean
REAL_ADD = bounds.ImportanceWeights.add
HONEST = {bug.name: bug.honest for bug in BUGS}


def kl_left_out(patch):
    def terms(*args, **options):
        found = REAL_TERMS(*args, **options)
        return found._replace(kl=0 * found.kl)

    patch.setattr(spec, "elbo_terms", terms)


def sum_over_the_draws(patch):
    def log_sum(self):
        return REAL_LOG_MEAN(self) + math.log(self.n_samples)

    patch.setattr(bounds.ImportanceWeights, "log_mean", log_sum)


def surrogate_of_the_gradient(patch):
    """The sum of normalised weights times log weights."""

    def add(self, log_w):
        REAL_ADD(self, log_w)
        self.seen = [*getattr(self, "seen", []), log_w.double()]

    def weighted(self):
        log_w = torch.cat(self.seen)
        return (log_w.softmax(0) * log_w).sum(0)

    patch.setattr(bounds.ImportanceWeights, "add", add)
    patch.setattr(bounds.ImportanceWeights, "log_mean", weighted)


def wrong_constant(patch):
    """2 pi in place of its root, in each of two latent dimensions."""
    wrong = math.log(2 * math.pi)
    patch.setattr(bounds, "log_weights", lambda *args: REAL_WEIGHTS(*args) - wrong)


def log_determinant_added(patch):
    real = Normal.log_prob
    patch.setattr(Normal, "log_prob", lambda self, x: real(self, x) + 2 * self.scale.log())


def volume_left_out(patch):
    patch.setattr(likelihood, "_is_mass", lambda block: True)


def on_the_diagonal(patch):
    """Pixel i is among what pixel i is predicted by."""

    def forward(self, h):
        itself = torch.eye(*self.weight.shape)
        return linear(h, self.weight * self.mask.maximum(itself), self.bias)

    patch.setattr(MaskedLinear, "forward", forward)


def in_the_gallery(name):
    bug = next(bug for bug in BUGS if bug.name == name)
    return lambda patch: patch.setitem(HONEST, name, bug.make)


@cache
def learned(recipe, observation):
    """A recipe's worlds, and its model, which is trained before any bug is injected."""
    case = next(case for case in cases_of(recipe) if case.observation == observation)
    with threads(1):
        return case.worlds, trained(case)


def require_sum(metric, recipe="vae", observation="bernoulli"):
    """The claim of a recipe sums to what its kind allows, in each of its worlds."""
    worlds, model = learned(recipe, observation)
    n_found = 0
    for world in worlds:
        tasks = [task for task in tasks_in(world) if task.evaluator.name == metric]
        points, stream = points_of(world, model), Stream(0, ("mutations", world.title))
        for claim in claims_of(model, world, points, tasks, N_REPEATS, stream):
            assert isinstance(claim, Likelihood)
            n_levels = world.dataset.n_levels
            assert judge_sum(metric, "sum", claim, points, n_levels, lambda: None).passed
            n_found += 1
    assert n_found > 0


def require_honest(name):
    """The honest claim in the place of a bug of the gallery passes its checks."""
    bug = next(bug for bug in BUGS if bug.name == name)
    verdicts = Subject(replace(bug, make=HONEST[name])).verdicts()
    assert all(verdict.passed for _, verdict in verdicts)


def shown(number, name):
    return Mutation(number, f"gallery: {name}", in_the_gallery(name), lambda: require_honest(name))


def summed(number, name, inject, metric, *of):
    return Mutation(number, f"in a sum: {name}", inject, lambda: require_sum(metric, *of))


GAUSSIAN = ("independent_pixels", "gaussian")
LOGISTIC = "discretised_logistic"
IW = "iw_log_likelihood"
LIKELIHOOD_BUGS = [
    summed("10", "mean over pixels", field_bugs.mean_over_pixels, "elbo"),
    summed("5", "surrogate as the bound", surrogate_of_the_gradient, IW, "vae", LOGISTIC),
    summed("7", "divided by the requested K", field_bugs.divided_by_the_requested_k, IW),
    summed("9", "weights of the wrong sign", field_bugs.weights_inverted, IW),
    shown("4", "a cross-entropy of grey pixels"),
    summed("43", "no KL", kl_left_out, "elbo"),
    summed("44", "sum over the draws", sum_over_the_draws, IW),
    summed("45", "wrong constant of a Gaussian", wrong_constant, IW),
    summed("46", "a pixel among what predicts it", on_the_diagonal, "log_likelihood", "made"),
    summed("47", "log-determinant added", log_determinant_added, "log_likelihood", *GAUSSIAN),
    summed("48", "volume of the levels left out", volume_left_out, "bits_per_dim", *GAUSSIAN),
    shown("49", "too few steps of the solver"),
]
