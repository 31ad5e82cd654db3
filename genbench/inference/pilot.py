"""Step sizes of the annealed chains, tuned on separate pilot chains.

A step size that adapts within a weighted chain makes the kernel depend on the chain's past: it no
longer leaves the density invariant, and the weights are no longer unbiased. A pilot run with its
own noise and chains therefore finds one step size per temperature and datum, which the weighted
chains use as constants.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from genbench.core.progress import progress
from genbench.core.seeding import Stream
from genbench.inference.hmc import Transitions
from genbench.inference.path import Path

TARGET = 0.65
"""Acceptance at which HMC is about most efficient in many dimensions (Beskos et al. 2013)."""

GAIN = 1.0
"""Change of the log step size per unit of acceptance above the target."""

WARM_UP = 20
"""Burn-in trajectories at the first temperature."""

MIN_TRAJECTORIES = 50
"""A pilot with fewer temperatures runs several trajectories at each."""

RANGE = 1e4
"""Step sizes stay within this factor of the starting density's scale, in both directions."""

JITTER = 0.2
"""Step sizes vary by this fraction around the tuned ones."""


def tune(path: Path, z: Tensor, betas: Tensor, n_leapfrog: int, stream: Stream) -> Tensor:
    """Find step sizes at which about 65 % of the trajectories are accepted, (n, B, 1).

    The pilot anneals once through the schedule. After each trajectory the log step size of a datum
    changes by the mean acceptance probability over its chains minus 0.65; the recorded steps are
    smoothed over neighbouring temperatures. They start from the spread of the starting density and
    follow the densities with a lag of a few temperatures. Each datum is tuned separately.

    Args:
        path: The densities.
        z: Draws (C, B, D) from the starting density, C >= 2, used only here.
        betas: (n + 1,), the schedule of the weighted chains.
        n_leapfrog: Steps per trajectory.
        stream: The pilot's own noise.

    References:
        Robbins and Monro 1951; Neal 2001, section 6, for tuning before the weighted run.
    """
    n = len(betas) - 1
    repeats = math.ceil(MIN_TRAJECTORIES / n)
    order = [1] * WARM_UP + [t for t in range(1, n + 1) for _ in range(repeats)]
    log_scale = z.std(dim=0).amin(dim=-1).clamp(min=1e-6).log()  # (B,)
    bounds = (log_scale - math.log(RANGE), log_scale + math.log(RANGE))
    log_step = log_scale - 0.25 * math.log(z.shape[-1])
    factor, beta = jitter(n), betas.tolist()
    state, move, record = path.at(z), Transitions(path, n_leapfrog), []
    for i, t in enumerate(progress(order, "tune step sizes", "trajectory")):
        record.append(log_step)
        step = (log_step.exp() * factor[t - 1]).unsqueeze(-1)
        state, accepted = move(state, beta[t], step, stream.child(i))
        change = GAIN * (accepted.mean(dim=0) - TARGET).to(log_step.dtype)
        log_step = (log_step + change).clamp(*bounds)
    log_steps = torch.stack(record[WARM_UP:]).reshape(n, repeats, -1).mean(dim=1)
    factors = torch.tensor(factor, dtype=z.dtype, device=z.device)
    return (smooth(log_steps).exp() * factors.unsqueeze(-1)).unsqueeze(-1)


def jitter(n: int) -> list[float]:
    """Return n fixed factors, spread evenly over 1 - JITTER to 1 + JITTER in a mixed order.

    With equal steps, every trajectory can return to its start in a direction whose period divides
    its length.

    References:
        Neal 2011, section 3.2.
    """
    golden = (math.sqrt(5) - 1) / 2
    return [1 + JITTER * (2 * (golden * t % 1) - 1) for t in range(n)]


def smooth(values: Tensor) -> Tensor:
    """Average (n, B) over a window of about n / 20 rows, the ends repeated."""
    half = max(1, len(values) // 40)
    rows = pad(values.T.unsqueeze(1), (half, half), mode="replicate")  # (B, 1, n + 2 half)
    return rows.unfold(-1, 2 * half + 1, 1).mean(dim=-1).squeeze(1).T
