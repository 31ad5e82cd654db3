"""For users' own tests: numbers that must not be worse than a baseline; without torch or pytest."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.gate import check_frame, update_from_frame
from genbench.gate.texts import text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["assert_no_regression", "write_baseline"]


def assert_no_regression(
    frame: "pd.DataFrame",
    baseline: str | PathLike[str],
    *,
    margins: Mapping[str, float] | None = None,
    strict: bool = False,
) -> None:
    """Pass unless a number is worse than expected; the message is the gate's table.

    Args:
        frame: What :func:`genbench.run`, :func:`genbench.load_results` or
            :func:`genbench.evaluate` returned; tables of several seeds may be concatenated.
        baseline: A file written by ``python -m genbench check --update`` or :func:`write_baseline`.
        margins: Replace those of the baseline: ``{"elbo": 0.5, "vae/kl": 1.0}``.
        strict: Also fail on numbers that are too noisy to decide.

    Raises:
        AssertionError: A number is worse, or the two sides have different numbers.
        BaselineError: The baseline is missing, damaged, or of another suite.
        ConfigError: A margin is of no number of the baseline, or not positive.
    """
    outcome = check_frame(frame, Path(baseline), margins=margins, strict=strict)
    if outcome.exit_code:
        raise AssertionError(f"\n{text(outcome)}")


def write_baseline(
    frame: "pd.DataFrame",
    baseline: str | PathLike[str],
    *,
    margins: Mapping[str, float] | None = None,
) -> None:
    """Write a table as the expected numbers; margins of an existing file are kept.

    Raises:
        BaselineError: The table has nothing to compare, or the existing file is damaged or of
            another suite.
        ConfigError: A margin is of none of the numbers, or not positive.
        RunsFailedError: Some runs failed or diverged.
        StorageError: The file cannot be written; the old one is untouched.
    """
    update_from_frame(frame, Path(baseline), margins=margins)
