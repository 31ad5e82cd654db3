"""What a study is: a computation that answers one question, with tables, figures and checks.

A study is a function of options and a named source of randomness. It returns tidy tables, the
figures to draw of them, and checks: numbers beside what they must be. What trains whole models for
comparison is no study but a suite.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset, load

Claim = Literal["=", "<=", ">="]


@dataclass(frozen=True)
class Check:
    """A number beside what it must be.

    Attributes:
        name: What is claimed, in words.
        expected: The exact answer, or the bound.
        found: What genbench computed.
        tolerance: How far ``found`` may lie on the wrong side of ``expected``, same unit.
        claim: Whether ``found`` equals, is at most, or is at least ``expected``.
        note: Where the tolerance comes from; what the lecture notes print, if they err.
    """

    name: str
    expected: float
    found: float
    tolerance: float
    claim: Claim = "="
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the claim holds; false if anything is not finite."""
        error = self.found - self.expected
        if not math.isfinite(error):
            return False
        above, below = error <= self.tolerance, -error <= self.tolerance
        return {"=": above and below, "<=": above, ">=": below}[self.claim]


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        tables: Tidy tables by name, in the order in which they are read.
        checks: Numbers beside what they must be.
        plots: Figures over these tables and arrays.
        arrays: Images and other arrays by name.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    plots: tuple[Plot, ...] = ()
    arrays: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What a study is given beside its options.

    Attributes:
        stream: Source of all its randomness.
        device: Where heavy work runs.
        data_dir: Where data sets lie.
    """

    stream: Stream
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    data_dir: Path | None = None

    def dataset(self, config: DataConfig) -> Dataset:
        """Load a data set, its digest checked."""
        return load(config, self.data_dir, self.device)


class NoOptions(Options):
    """There is nothing to choose."""


StudyFunction = Callable[[Any, Setting], Findings]


@dataclass(frozen=True)
class Study:
    """A registered study; ``version`` changes with its numbers."""

    name: str
    title: str
    version: int
    options: type[Options]
    function: StudyFunction

    @property
    def description(self) -> str:
        """First line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


studies: Registry[Study] = Registry("study")


def study(
    name: str, title: str, version: int = 1, options: type[Options] = NoOptions
) -> Callable[[StudyFunction], StudyFunction]:
    """Register a function of (options, setting) as the study ``name``."""

    def add(function: StudyFunction) -> StudyFunction:
        studies.add(name, Study(name, title, version, options, function))
        return function

    return add
