"""What a study is: a computation that answers one question, with tables, figures and checks.

A study is a function of options and a named source of randomness. It returns tidy tables, the
figures to draw from them, and checks that compare a number with an exact answer or a bound.
Training whole models for comparison is the task of a suite.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from genbench.core.claims import Claim, holds
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset, load

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StudyCheck:
    """A number beside an exact answer or a bound.

    Attributes:
        name: The claim in words.
        expected: The exact answer, or the bound.
        found: The number that genbench computed.
        tolerance: How far ``found`` may be on the wrong side of ``expected``, in the same unit.
        claim: Whether ``found`` equals, is at most, or is at least ``expected``.
        note: The reason for the tolerance, or an error in the lecture notes.
    """

    name: str
    expected: float
    found: float
    tolerance: float
    claim: Claim = "="
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the claim holds; false if a number is not finite."""
        return holds(self.claim, self.found, self.expected, self.tolerance)


def equal(name: str, expected: Any, found: Any, tolerance: float, note: str = "") -> StudyCheck:
    """Claim that a number equals the exact one."""
    return StudyCheck(name, float(expected), float(found), tolerance, "=", note)


def at_most(name: str, bound: Any, found: Any, slack: float = 0.0, note: str = "") -> StudyCheck:
    """Claim that a number does not exceed a bound, up to some slack."""
    return StudyCheck(name, float(bound), float(found), slack, "<=", note)


def at_least(name: str, bound: Any, found: Any, slack: float = 0.0, note: str = "") -> StudyCheck:
    """Claim that a number does not fall below a bound, up to some slack."""
    return StudyCheck(name, float(bound), float(found), slack, ">=", note)


@dataclass(frozen=True)
class Findings:
    """The results of a study.

    Attributes:
        tables: Tidy tables by name, in the order of presentation.
        checks: Numbers beside exact answers or bounds.
        plots: Figures of these tables and arrays.
        arrays: Images and other arrays by name.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    checks: tuple[StudyCheck, ...] = ()
    plots: tuple[Plot, ...] = ()
    arrays: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What a study receives besides its options.

    Attributes:
        stream: Source of all its randomness.
        device: Device for heavy work.
        data_dir: Folder of the data sets.
    """

    stream: Stream
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    data_dir: Path | None = None

    def dataset(self, config: DataConfig) -> Dataset:
        """Load a data set and check its digest."""
        return load(config, self.data_dir, self.device)


N_PIXELS = 64
"""Of the small images that studies are about."""


def n_weights(*sizes: int) -> int:
    """Return how many weights the dense layers between so many units have.

    Example:
        >>> n_weights(64, 10, 2)
        660
    """
    return sum(a * b for a, b in pairwise(sizes))


class StudyOptions(Options):
    """Base of the options of our studies."""

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds; 0 if it is small in any case."""
        return 0


class NoOptions(StudyOptions):
    """No options."""


StudyFunction = Callable[[Any, Setting], Findings]


@dataclass(frozen=True)
class Study:
    """A registered study; its version changes when its numbers do."""

    name: str
    title: str
    version: int
    options: type[Options]
    function: StudyFunction

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


studies: Registry[Study] = Registry("study")


def study(
    name: str, title: str, version: int = 1, options: type[Options] = NoOptions
) -> Callable[[StudyFunction], StudyFunction]:
    """Register a function of (options, setting) as the study ``name``."""

    def add(function: StudyFunction) -> StudyFunction:
        studies.add(name, Study(name, title, version, options, function), function)
        return function

    return add
