"""Runs the checks on each bug of the gallery, and on the honest claim beside it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.certify.claims import Likelihood
from genbench.certify.gallery.bugs import BUGS, Bug, Check
from genbench.certify.gallery.claims import Claim
from genbench.certify.gallery.names import Change, Evidence, fault_of
from genbench.certify.points import points_of
from genbench.certify.sums import N_REPEATS, Sum, reach, sum_of
from genbench.certify.verdict import Verdict, judge
from genbench.certify.worlds import worlds_of
from genbench.core.claims import Claim as Sign
from genbench.core.progress import progress
from genbench.core.seeding import Stream
from genbench.training.threads import threads

SUBJECTS = {"exact": "log p(x)", "lower_bound": "a lower bound"}
UNBIASED = "an estimate of p(x)"
"""What the number of a bug passes for, by the kind that it is claimed to be."""
LARGEST: Check = "largest log-probability"
ROUNDING = 1e-3
"""Nats by which a claim may move without anybody's fault."""


class Exhibit(NamedTuple):
    """A bug, its verdicts, and the sum of the honest claim in its place.

    Attributes:
        verdicts: By check, of the bug; the reason of a failure is the fault that its pattern tells.
        honest: The sum of the honest claim.
    """

    bug: Bug
    verdicts: dict[Check, Verdict]
    honest: float

    @property
    def verdict(self) -> Verdict:
        """The verdict of the check that should unmask it."""
        return self.verdicts[self.bug.unmasked_by]

    @property
    def is_caught(self) -> bool:
        """Whether that check fails, and the pattern has the right name."""
        return not self.verdict.passed and self.verdict.reason == self.bug.name


def exhibits() -> list[Exhibit]:
    """Check each bug, in one thread."""
    with threads(1):
        return [_exhibit(bug) for bug in progress(BUGS, "gallery", "bug")]


def _exhibit(bug: Bug) -> Exhibit:
    injected, honest = Subject(bug), Subject(replace(bug, make=bug.honest))
    return Exhibit(bug, dict(injected.verdicts()), honest.total.value)


class Subject:
    """The claim of a bug on its small world, and the checks of it."""

    def __init__(self, bug: Bug) -> None:
        self.bug = bug
        self.name = UNBIASED if bug.is_tight else SUBJECTS[bug.claimed]
        self._world = worlds_of(bug.domain)[0]
        self._points = points_of(self._world, None)
        self._x = self._points.x.flatten(1).double()
        self._n_repeats = N_REPEATS if bug.unit == "draws" else 2

    def verdicts(self) -> Iterator[tuple[Check, Verdict]]:
        """Yield the verdict of each check that applies."""
        yield "sum", self._summed()
        if self._change and self.bug.unit == "draws":
            yield "draws doubled", self._judged("draws doubled", ">=", *self._change, "rises")
        if self._change and self.bug.unit == "steps":
            yield "steps doubled", self._judged("steps doubled", "=", *self._change, "stays")
        if not self._world.is_grid:
            largest = float(self._mean.max())
            yield LARGEST, self._judged(LARGEST, "<=", largest, 0.0, "at most 0")

    def _summed(self) -> Verdict:
        check = f"sum over the {self._world.title} world"
        claim: Sign = "=" if self.bug.is_tight or self.bug.claimed == "exact" else "<="
        tolerance = self.total.tolerance(self._n_repeats)
        return judge(self.name, check, claim, 1.0, self.total.value, tolerance, self._fault)

    def _judged(
        self, check: Check, claim: Sign, found: float, tolerance: float, expected: str
    ) -> Verdict:
        return judge(self.name, check, claim, 0.0, found, tolerance, self._fault, expected)

    @cached_property
    def _fault(self) -> str:
        return fault_of(self.evidence())

    def evidence(self) -> Evidence:
        """Return what the name of a fault is read from."""
        return Evidence(
            total=self.total.value,
            tolerance=self.total.tolerance(self._n_repeats),
            values=self._mean,
            images=self._x,
            n_levels=0 if self._world.is_grid else len(self._world.axis),
            unit=self.bug.unit,
            at_one=self._sum(self._values(1)).value if self.bug.unit == "draws" else None,
            change=self._change,
            stretched=self._stretched() if self._world.is_grid else None,
        )

    @cached_property
    def total(self) -> Sum:
        """The sum of the claim over the world."""
        return self._sum(self._claimed)

    @cached_property
    def _claim(self) -> Claim:
        return self.bug.make(self._world, 1.0)

    @cached_property
    def _claimed(self) -> Tensor:
        """The claims at all points, (R, N)."""
        return self._values(self.bug.effort)

    @cached_property
    def _mean(self) -> Tensor:
        return self._claimed.mean(dim=0)

    @cached_property
    def _change(self) -> Change | None:
        """By how much the claim rises with twice the effort.

        The draws are those of two claims with half as many, whose mean an honest bound never
        falls below: the log of a mean is at least the mean of logs.
        """
        if not self.bug.unit:
            return None
        twice, halves = self._values(2 * self.bug.effort), self._values(self.bug.effort, parts=2)
        change = (twice - halves).mean(dim=1)  # (R,)
        stderr = float(change.std()) / len(change) ** 0.5
        return Change(float(change.mean()), reach(len(change) - 1) * stderr + ROUNDING)

    def _sum(self, values: Tensor) -> Sum:
        likelihood = Likelihood(self.name, self.bug.claimed, self.bug.is_tight, values)
        return sum_of(likelihood, self._points)

    def _values(self, effort: int, parts: int = 1) -> Tensor:
        """Return the claims at all points, (R, N); each the mean of some, one after the other."""
        repeats = []
        for i in range(self._n_repeats):
            generator = Stream(0, ("gallery", i)).generator()
            each = [self._claim(self._x, effort, generator) for _ in range(parts)]
            repeats.append(torch.stack(each).mean(dim=0))
        return torch.stack(repeats)

    def _stretched(self) -> float:
        """Return the integral of the claims of a model of data that are twice as large."""
        claim = self.bug.make(self._world, 2.0)
        values = claim(2 * self._x, self.bug.effort, torch.Generator()).expand(2, -1)
        log_volume = self._x.shape[1] * math.log(2)
        return self._sum(values + log_volume).value
