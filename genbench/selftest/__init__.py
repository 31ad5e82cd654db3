"""Calibration: every evaluator against answers that are known exactly. Synthetic data, fixed seeds.

Each check runs a shipped evaluator as a suite does, and compares it with a closed form, an
enumeration or a quadrature in float64 numpy and scipy that shares no code with it. A group is a
function that yields checks; a new one goes into :data:`GROUPS`.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch

from genbench.core.progress import progress
from genbench.selftest import annealed, densities, discrete, images, latent, linear
from genbench.selftest.check import LIMIT, Check, NotMeasuredError

__all__ = ["GROUPS", "LIMIT", "Check", "run_checks"]

Group = Callable[[], Iterator[Check]]

GROUPS: tuple[Group, ...] = (
    linear.true_posterior,
    linear.wrong_posterior,
    linear.one_latent_dimension,
    linear.labels_summed_out,
    linear.trained_form,
    discrete.enumerated,
    discrete.many_draws,
    annealed.linear_gaussian,
    annealed.bidirectional,
    annealed.bounded_latent,
    latent.active_units,
    latent.decomposition,
    latent.inference_gap,
    densities.mixtures,
    densities.independent_pixels,
    images.parzen,
    images.maximum_mean_discrepancy,
)


def run_checks(groups: Sequence[Group] | None = None) -> list[Check]:
    """Run all checks, or those of some groups.

    With one thread: no product here is large enough for two.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    chosen = progress(GROUPS if groups is None else groups, "selftest", "group")
    try:
        return [check for group in chosen for check in _run(group)]
    finally:
        torch.set_num_threads(threads)


def _run(group: Group) -> Iterator[Check]:
    """Yield the checks of a group; an evaluator without a number becomes a check that fails."""
    try:
        yield from group()
    except NotMeasuredError as error:
        case = group.__name__.replace("_", " ")
        yield Check(error.estimator, case, math.nan, math.nan, reason=str(error))
