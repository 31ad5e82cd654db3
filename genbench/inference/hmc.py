"""Hamiltonian Monte Carlo on many chains at once."""

from functools import partial

import torch
from torch import Tensor

from genbench.core.cuda_graph import CapturedFunction
from genbench.core.seeding import Stream
from genbench.inference.path import InverseTemperature, Path, State

FARTHEST = 1e6
"""A trajectory on which some abs(z_i) exceeds this has diverged and is rejected."""

PLAIN = 10
"""Trajectories on a CUDA GPU that are not captured: so many pay for a graph."""


def leapfrog(
    path: Path,
    state: State,
    beta: InverseTemperature,
    momentum: Tensor,
    step_size: Tensor,
    n_leapfrog: int,
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


class Transitions:
    """Moves chains by one trajectory after another, each with fresh momentum.

    A trajectory leaves f_beta invariant: each chain accepts its end independently with probability
    min(1, exp(-change of energy)). Ends that are not finite are rejected.

    On a CUDA GPU trajectories are repeated from a graph after a few, if it gives the same bits: its
    hundreds of kernels are small, and launched from Python they take longer than they run.

    Args:
        path: The densities.
        n_leapfrog: Steps of a trajectory.

    References:
        Duane, Kennedy, Pendleton, Roweth 1987; Neal 2011, section 3.2.
    """

    def __init__(self, path: Path, n_leapfrog: int) -> None:
        self._trajectory = partial(_trajectory, path, n_leapfrog)
        self._repeat: CapturedFunction | None = None
        self._last: tuple[Tensor, ...] = ()
        self._n_plain = 0

    def __call__(
        self, state: State, beta: float, step_size: Tensor, stream: Stream
    ) -> tuple[State, Tensor]:
        """Return the new state, and the acceptance probability (C, B), float64.

        Args:
            state: Where the chains (C, B) are.
            beta: Inverse temperature.
            step_size: Anything that broadcasts to (C, B, 1), of the same shape in each call. It
                must not depend on the chains' past.
            stream: Source of the noise, drawn for all (C, B, D) at once.
        """
        with stream.seeded():
            momentum = torch.randn_like(state.z)
            log_u = torch.rand_like(state.log_start).log()
        if state.z.device.type != "cuda":
            moved = self._trajectory(beta, step_size, momentum, log_u, *state)
        else:
            moved = self._on_cuda(_filled(beta, log_u), step_size, momentum, log_u, *state)
        return State(*moved[:-1]), moved[-1]

    def _on_cuda(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self._repeat:
            return self._repeat(*inputs)
        moved = self._trajectory(*inputs)
        self._n_plain += 1
        if self._n_plain == PLAIN:
            self._repeat = self._captured(inputs, moved)
        self._last = inputs if self._n_plain < PLAIN else ()
        return moved

    def _captured(
        self, inputs: tuple[Tensor, ...], moved: tuple[Tensor, ...]
    ) -> CapturedFunction | None:
        """Capture a trajectory, and keep what gives the bits of a plain one.

        It is captured from the inputs before, so that what a graph does not follow shows.
        """
        try:
            repeat = CapturedFunction(self._trajectory, *self._last)
            found = repeat(*inputs)
        except Exception:  # noqa: BLE001  plain trajectories go on, and raise what is wrong
            return None
        same = all(torch.equal(a, b) for a, b in zip(found, moved, strict=True))
        return repeat if same else None


def _trajectory(
    path: Path,
    n_leapfrog: int,
    beta: InverseTemperature,
    step_size: Tensor,
    momentum: Tensor,
    log_u: Tensor,
    *start: Tensor,
) -> tuple[Tensor, ...]:
    """Return the tensors of the new state, and the acceptance probability."""
    state = State(*start)
    end, final, inside = leapfrog(path, state, beta, momentum, step_size, n_leapfrog)
    gain = end.log_density(beta) - state.log_density(beta)
    log_accept = gain + kinetic_energy(momentum) - kinetic_energy(final)
    proper = inside & end.log_density(beta).isfinite() & ~log_accept.isnan()
    log_accept = log_accept.masked_fill(~proper, -torch.inf).clamp(max=0.0)
    return *end.where(log_u < log_accept, state), log_accept.exp()


def _filled(value: float, like: Tensor) -> Tensor:
    """Return a tensor () with a value: a kernel fills it, so the device is not waited for."""
    return torch.full((), value, dtype=torch.float64, device=like.device)
