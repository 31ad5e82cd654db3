"""Convergence with a sign: what twice the draws, temperatures, steps or probes may do to a number.

A bound may rise; it falls only by its Monte-Carlo error. Any other number stays where it is: a
solver with too few steps, or a stochastic trace with too few probes, moves.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genbench.certify.claims import BITS, SMALL, Likelihood, claims_of, small_task, tasks_in
from genbench.certify.points import Points, beside
from genbench.certify.sums import N_REPEATS, ROUNDING, reach
from genbench.certify.verdict import Verdict, judge
from genbench.certify.worlds import World
from genbench.core.seeding import Stream

EFFORTS = ("n_samples", "n_temperatures")
"""Options of which more take longer and come closer."""
MOVED = 0.02
"""Nats that a number which is no bound may move: a sum over a world would be wrong by 2 %."""


def judge_doubling(subject: str, what: str, kind: str, once: Tensor, twice: Tensor) -> Verdict:
    """Return the verdict on a number before and after an effort was doubled.

    Args:
        subject: Of the verdict.
        what: The effort: ``n_samples 32 to 64``.
        kind: What the number is of log p(x).
        once: The mean over data, several times with noise of its own, (R,).
        twice: The same with twice the effort, (R,).
    """
    change = float(twice.mean() - once.mean())
    n = min(len(once), len(twice))
    stderr = math.sqrt(float(once.var() / len(once) + twice.var() / len(twice)))
    noise = ROUNDING * max(1.0, abs(float(once.mean()))) + reach(n - 1) * stderr
    if kind == "lower_bound":
        reason = "a bound falls as it gets more draws or steps: what it was before was no bound"
        return judge(subject, what, ">=", 0.0, change, noise, reason, "rises or stays")
    if kind == "upper_bound":
        reason = "an upper bound rises as it gets more draws or steps: it was no bound before"
        return judge(subject, what, "<=", 0.0, change, noise, reason, "falls or stays")
    way = "falls" if change < 0 else "rises"
    reason = f"the value {way} by {abs(change):.3g} nats: it has not converged"
    return judge(subject, what, "=", 0.0, change, noise + MOVED, reason, "stays")


def doublings_of_model(
    model: Any, world: World, name: str, note: str = "", seed: int = 0
) -> Iterator[Verdict]:
    """Yield the verdict on each claim of a model on test images, for each effort that it takes."""
    points, stream = _test_images(world, model), Stream(seed, ("certify", "doubled"))
    for task in tasks_in(world):
        record = task.evaluator.record
        for key in EFFORTS:
            if record.unit == BITS or record.parts or not hasattr(task.options, key):
                continue
            n = SMALL[key]
            tasks = task, small_task(task.evaluator.name, **{key: 2 * n})
            made = claims_of(model, world, points, tasks, N_REPEATS, stream.child(key))
            claims = [claim for claim in made if isinstance(claim, Likelihood)]
            if len(claims) == len(tasks):
                what = f"{key} {n} to {2 * n}, {world.title}" + (f", {note}" if note else "")
                means = (claim.values.mean(dim=1) for claim in claims)
                subject = f"{name}: {claims[0].name}"
                yield judge_doubling(subject, what, claims[0].kind, *means)


def _test_images(world: World, model: Any) -> Points:
    """Return the test images of a world's data set, each of which counts once."""
    x, y = world.dataset.held_out("test")
    x, nothing = beside(x, model), torch.zeros(len(x))
    return Points(x, y.to(x.device), nothing, None, nothing.bool(), x[0].numel())
