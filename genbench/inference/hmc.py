"""Hamiltonian Monte Carlo on many chains at once."""

import torch
from torch import Tensor

from genbench.core.seeding import Stream
from genbench.inference.path import Path, State

FARTHEST = 1e6
"""A trajectory on which some abs(z_i) exceeds this has diverged and is rejected."""


def leapfrog(
    path: Path, state: State, beta: float, momentum: Tensor, step_size: Tensor, n_leapfrog: int
) -> tuple[State, Tensor, Tensor]:
    """Follow Hamilton's equations of -log f_beta with unit mass; one gradient per step.

    Half a step of momentum, then steps of z and of momentum in turn, and half a step of momentum at
    the end. The map preserves volume, is its own inverse once the momentum is negated, and has an
    energy error of O(step_size^2). The state already holds the gradient at the start.

    Args:
        path: The densities.
        state: Where to start.
        beta: Inverse temperature.
        momentum: (C, B, D).
        step_size: Anything that broadcasts to (C, B, 1).
        n_leapfrog: Steps, 1 or more.

    Returns:
        The state and the momentum at the end, and which chains (C, B) never left the region where
        every abs(z_i) <= FARTHEST; the others stop there and must be rejected. A trajectory and its
        reverse visit the same points, so this rejection is symmetric.

    References:
        Neal 2011, section 2.3, equations 2.28 to 2.30.
    """
    z = state.z
    momentum = momentum + 0.5 * step_size * state.gradient(beta)
    inside = torch.ones(z.shape[:-1], dtype=torch.bool, device=z.device)
    for step in range(n_leapfrog):
        z = z + step_size * momentum
        inside = inside & (z.abs().amax(dim=-1) <= FARTHEST)  # False for NaN as well
        z = torch.where(inside.unsqueeze(-1), z, state.z)
        if step < n_leapfrog - 1:
            momentum = momentum + step_size * path.gradient(z, beta)
    end = path.at(z)
    return end, momentum + 0.5 * step_size * end.gradient(beta), inside


def kinetic_energy(momentum: Tensor) -> Tensor:
    """Return half the squared length of each momentum, (C, B) float64."""
    return 0.5 * momentum.double().square().sum(dim=-1)


def transition(
    path: Path, state: State, beta: float, step_size: Tensor, n_leapfrog: int, stream: Stream
) -> tuple[State, Tensor]:
    """Move every chain by one trajectory with fresh momentum: f_beta stays invariant.

    Each chain accepts independently with probability min(1, exp(-change of energy)). States that
    are not finite are rejected.

    Args:
        path: The densities.
        state: Where the chains (C, B) are.
        beta: Inverse temperature.
        step_size: Anything that broadcasts to (C, B, 1). It must not depend on the chains' past.
        n_leapfrog: Steps of the trajectory.
        stream: Source of the noise, drawn for all (C, B, D) at once.

    Returns:
        The new state, and the acceptance probability (C, B), float64.

    References:
        Duane, Kennedy, Pendleton, Roweth 1987; Neal 2011, section 3.2.
    """
    with stream.seeded():
        momentum = torch.randn_like(state.z)
        log_u = torch.rand_like(state.log_start).log()
    end, final, inside = leapfrog(path, state, beta, momentum, step_size, n_leapfrog)
    gain = end.log_density(beta) - state.log_density(beta)
    log_accept = gain + kinetic_energy(momentum) - kinetic_energy(final)
    proper = inside & end.log_density(beta).isfinite() & ~log_accept.isnan()
    log_accept = log_accept.masked_fill(~proper, -torch.inf).clamp(max=0.0)
    return end.where(log_u < log_accept, state), log_accept.exp()
