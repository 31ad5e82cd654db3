"""Calibration of every evaluator against exact answers, on synthetic data with fixed seeds.

Each check runs a shipped evaluator as a suite does, and compares it with a closed form, an
enumeration or a quadrature in float64 numpy and scipy that shares no code with it. A group is a
function that yields checks; add new ones to :data:`GROUPS`.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch

from genbench.core.progress import progress
from genbench.selftest import annealed, densities, discrete, generated, images, latent, linear
from genbench.selftest.check import CPU, LIMIT, CalibrationCheck, NotMeasuredError, evaluating_on

__all__ = ["GROUPS", "LIMIT", "CalibrationCheck", "run_checks"]

CheckGroup = Callable[[], Iterator[CalibrationCheck]]

GROUPS: tuple[CheckGroup, ...] = (
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
    generated.gaussians,
    generated.shifted,
    generated.neighbours,
    generated.memorisation,
    generated.pictures,
)


def run_checks(
    groups: Sequence[CheckGroup] | None = None, device: torch.device = CPU
) -> list[CalibrationCheck]:
    """Run all checks, or those of some groups, with the evaluators on a device.

    Uses one thread: no product here is large enough for two.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    chosen = progress(GROUPS if groups is None else groups, "selftest", "group")
    try:
        with evaluating_on(device):
            return [check for group in chosen for check in _run(group)]
    finally:
        torch.set_num_threads(threads)


def _run(group: CheckGroup) -> Iterator[CalibrationCheck]:
    """Yield the checks of a group; an evaluator that gives no number becomes a failed check."""
    try:
        yield from group()
    except NotMeasuredError as error:
        case = group.__name__.replace("_", " ")
        yield CalibrationCheck(error.estimator, case, math.nan, math.nan, reason=str(error))
