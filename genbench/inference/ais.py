"""Annealed importance sampling and its reverse, between any two densities.

Forward, from draws of the starting density, the weights average to p(x). In reverse, from one exact
draw of the posterior, their inverses average to 1 / p(x). The logarithms of the two averages bound
log p(x) from below and from above, in expectation.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from genbench.core.progress import progress
from genbench.core.seeding import Stream
from genbench.inference.hmc import Transitions
from genbench.inference.path import Path
from genbench.inference.pilot import tune
from genbench.inference.schedules import Schedule, temperatures
from genbench.inference.weights import ImportanceWeights

LONG = 1000
"""Chains of at least this many leapfrog steps show a progress bar."""


class Annealing(NamedTuple):
    """How to anneal: ``n_temperatures`` trajectories of ``n_leapfrog`` steps each."""

    n_temperatures: int = 1000
    n_leapfrog: int = 10
    schedule: Schedule = "sigmoid"


class AisResult(NamedTuple):
    """The result of all chains.

    Attributes:
        log_weight: (C, B) float64, in nats. Reverse chains carry the forward weight too: its
            inverse averages to 1 / p(x).
        z: (C, B, D), the final states: draws near the posterior, or in reverse near the start.
        acceptance: (B,), mean acceptance probability over chains and temperatures.
        step_size: (n, B, 1), the step sizes used.
    """

    log_weight: Tensor
    z: Tensor
    acceptance: Tensor
    step_size: Tensor

    def weights(self) -> ImportanceWeights:
        """Return w: log mean_c w_c is at most log p(x) in expectation (forward chains)."""
        return ImportanceWeights.of(self.log_weight)

    def inverse_weights(self) -> ImportanceWeights:
        """Return 1 / w: -log mean_c 1 / w_c is at least log p(x) in expectation (reverse)."""
        return ImportanceWeights.of(-self.log_weight)


def anneal(
    path: Path,
    z: Tensor,
    betas: Tensor,
    step_size: Tensor,
    n_leapfrog: int,
    stream: Stream,
    *,
    reverse: bool = False,
) -> AisResult:
    """Run the chains through the temperatures and collect their weights.

    log w = sum_t (beta_t - beta_{t-1}) log ratio(z_{t-1}), where z_t comes from z_{t-1} by a
    transition that leaves f at beta_t invariant. In reverse the same transitions run from beta_n
    down: each is reversible, so the reverse chain is the forward chain run backwards.

    The step sizes are constants. If they depended on the chains' past, the weights would no longer
    be unbiased.

    Args:
        path: The densities.
        z: (C, B, D). Forward: independent draws of the starting density. Reverse: exact posterior
            draws; the C chains of a datum may share one: each chain starts from the posterior, and
            the mean of C unbiased terms is unbiased, however dependent they are.
        betas: (n + 1,), from 0 to 1.
        step_size: (n, B, 1), one per datum and temperature after the first.
        n_leapfrog: Steps per trajectory.
        stream: Source of the noise; each temperature has a child.
        reverse: See above.

    References:
        Neal 2001, equations 6 to 11; Grosse, Ancha, Roy 2016, section 3, for the reverse.
    """
    beta = betas.tolist()
    order = range(len(beta) - 1, 0, -1) if reverse else range(1, len(beta))
    long = len(order) * n_leapfrog >= LONG
    state, move = path.at(z), Transitions(path, n_leapfrog)
    log_weight = torch.zeros_like(state.log_ratio)
    accepted = torch.zeros_like(state.log_ratio)
    for t in progress(order, "anneal", "temperature") if long else order:
        rise = beta[t] - beta[t - 1]
        if not reverse:
            log_weight = log_weight + rise * state.log_ratio
        state, probability = move(state, beta[t], step_size[t - 1], stream.child(t))
        accepted = accepted + probability
        if reverse:
            log_weight = log_weight + rise * state.log_ratio
    return AisResult(log_weight, state.z, accepted.mean(dim=0) / len(order), step_size)


def ais(path: Path, z: Tensor, pilot: Tensor, plan: Annealing, stream: Stream) -> AisResult:
    """Estimate log p(x) by annealed importance sampling, with step sizes tuned and then fixed.

    Args:
        path: From the starting density to the joint p(x, z) as a function of z.
        z: Draws (C, B, D) from the starting density.
        pilot: Separate draws (C', B, D) from it, to tune the step sizes.
        plan: How to anneal.
        stream: Source of the noise; children "pilot" and "forward".

    References:
        Neal 2001; Wu, Burda, Salakhutdinov, Grosse 2017, section 3.
    """
    betas = temperatures(plan.n_temperatures, plan.schedule)
    step_size = tune(path, pilot, betas, plan.n_leapfrog, stream.child("pilot"))
    return anneal(path, z, betas, step_size, plan.n_leapfrog, stream.child("forward"))


def reversed_ais(
    path: Path, z: Tensor, forward: AisResult, plan: Annealing, stream: Stream
) -> AisResult:
    """Bound log p(x) from above by the forward chain's transitions, run from posterior draws.

    Args:
        path: As for :func:`ais`.
        z: Exact posterior draws (C, B, D): see :func:`anneal`.
        forward: The forward chains, whose step sizes are used.
        plan: As for :func:`ais`.
        stream: The parent of the child "reverse".

    References:
        Grosse, Ancha, Roy 2016, section 3.
    """
    betas = temperatures(plan.n_temperatures, plan.schedule)
    return anneal(
        path, z, betas, forward.step_size, plan.n_leapfrog, stream.child("reverse"), reverse=True
    )
