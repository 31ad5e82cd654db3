"""A function that claims log p(x), called several times: what it returns, and what it depends on.

Half of the calls get all images in order, the others get them in small batches in another order.
What comes back for an image may differ only by noise that the claim admits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.certify.sums import N_REPEATS, ROUNDING, reach
from genbench.certify.verdict import Verdict, judge
from genbench.core.errors import first_line
from genbench.core.estimate import UnusableError
from genbench.core.seeding import Stream
from genbench.evaluation.user.returned import per_datum

LogProb = Callable[[Tensor], Any]
"""From images (N, C, H, W) to log p(x), (N,), in a tensor, an array or a list."""
CALL = "log_prob(x)"
BATCH = 50


@dataclass(frozen=True)
class Calls:
    """What several calls returned, each (R, N) in the order of the images.

    Attributes:
        whole: From one call with all images.
        parts: From calls with ``BATCH`` images of another order.
    """

    whole: Tensor
    parts: Tensor

    @property
    def all(self) -> Tensor:
        """All of them, (2 R, N)."""
        return torch.cat([self.whole, self.parts])

    @property
    def is_noisy(self) -> bool:
        """Whether equal calls return different values."""
        return _largest(self.whole - self.whole[:1]) > _rounding(self.whole)


@torch.no_grad()
def call_repeatedly(log_prob: LogProb, x: Tensor, stream: Stream) -> Calls:
    """Call a function with images (N, ...), each time with noise of its own.

    Twice where it has no noise, else often enough to tell its error.

    Raises:
        UnusableError: It raises, or returns what is not one number for each image.
    """
    pairs = [_two_ways(log_prob, x, stream.child(i)) for i in range(2)]
    if _collected(pairs).is_noisy:
        pairs += [_two_ways(log_prob, x, stream.child(i)) for i in range(2, N_REPEATS)]
    return _collected(pairs)


def _collected(pairs: Sequence[tuple[Tensor, Tensor]]) -> Calls:
    whole, parts = zip(*pairs, strict=True)
    return Calls(torch.stack(whole), torch.stack(parts))


def _two_ways(log_prob: LogProb, x: Tensor, stream: Stream) -> tuple[Tensor, Tensor]:
    """Return the values (N,) of all images at once, and of batches in another order."""
    with stream.child("whole").seeded():
        whole = _called(log_prob, x)
    order = torch.randperm(len(x), generator=stream.child("order").generator())
    with stream.child("parts").seeded():
        parts = torch.cat([_called(log_prob, x[rows]) for rows in torch.split(order, BATCH)])
    return whole, parts[order.argsort()]


def _called(log_prob: LogProb, x: Tensor) -> Tensor:
    try:
        found = log_prob(x.clone())
    except Exception as error:
        problem = f"raised {type(error).__name__}: {first_line(error)}"
        raise UnusableError(CALL, problem) from error
    values = per_datum(found, len(x), CALL, x.device).double().cpu()
    if n := int(values.isposinf().sum()):
        raise UnusableError(CALL, f"returned {n} infinite values", "numbers")
    return values


def judge_calls(calls: Calls, name: str, kind: str) -> Iterator[Verdict]:
    """Yield the verdicts on whether a value is that of its image alone."""
    tolerance = _rounding(calls.whole)
    if kind == "exact":
        change = _largest(calls.whole - calls.whole[:1])
        reason = (
            "log_prob(x) changes between calls: an exact value does not; is dropout on, or is it"
            ' an estimate from draws, kind="lower_bound" or "estimate"?'
        )
        yield judge(name, "repeated calls", "=", 0.0, change, tolerance, reason, "the same")
    found = _largest(calls.parts - calls.whole)
    if calls.is_noisy:
        mean, n = (calls.parts - calls.whole).mean(dim=1), len(calls.whole)  # (R,)
        found = float(mean.mean())
        tolerance += reach(n - 1) * float(mean.std()) / math.sqrt(n)
    reason = (
        "log_prob(x) of an image depends on the others in its batch or on their order: is it"
        " divided by the size of the batch, summed over it, or is batch norm in training mode?"
    )
    check = f"batches of {BATCH} in another order"
    yield judge(name, check, "=", 0.0, found, tolerance, reason, "the same")


def _largest(change: Tensor) -> float:
    """Return the change of largest size; equal infinities are no change."""
    return float(change.nan_to_num(nan=0.0, posinf=math.inf, neginf=math.inf).abs().max())


def _rounding(values: Tensor) -> float:
    finite = values[values.isfinite()]
    return ROUNDING * max(1.0, float(finite.abs().max()) if len(finite) else 1.0)
