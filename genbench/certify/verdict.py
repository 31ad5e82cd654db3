"""The row that every check ends in, and the table of such rows; no torch."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import pandas as pd

from genbench.core.claims import Claim, holds

WORDS: dict[Claim, str] = {"=": "", "<=": "at most ", ">=": "at least "}


class Verdict(NamedTuple):
    """One check of one claim.

    Attributes:
        subject: The recipe or the user's name, with the claim: ``vae: iw_log_likelihood``.
        check: What was looked at: ``sum over a 3x3 world``.
        expected: What an honest claim gives: ``1``, ``at most 1``, ``rises or stays``.
        found: What this one gave; NaN where there is no number.
        tolerance: How far ``found`` may lie on the wrong side of ``expected``.
        verdict: ``pass`` or ``fail``.
        reason: What is wrong, in words that name the fault where the pattern tells it.
    """

    subject: str
    check: str
    expected: str
    found: float
    tolerance: float
    verdict: Literal["pass", "fail"]
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the claim stood the check."""
        return self.verdict == "pass"


def judge(
    subject: str,
    check: str,
    claim: Claim,
    exact: float,
    found: float,
    tolerance: float,
    reason: str,
    expected: str = "",
) -> Verdict:
    """Return the verdict on a number that should equal an exact one, or lie on one side of it.

    A number that is not finite fails. ``reason`` is kept only if the check fails; ``expected`` is
    by default the claim in words.

    Example:
        >>> judge("vae: elbo", "sum over a 3x3 world", "<=", 1.0, 1.2, 0.01, "too much mass")[2:6]
        ('at most 1', 1.2, 0.01, 'fail')
    """
    passed = holds(claim, found, exact, tolerance)
    words = expected or f"{WORDS[claim]}{exact:.6g}"
    verdict: Literal["pass", "fail"] = "pass" if passed else "fail"
    return Verdict(subject, check, words, found, tolerance, verdict, "" if passed else reason)


def fault(subject: str, check: str, expected: str, reason: str) -> Verdict:
    """Return the failure of a claim that gives no number to check."""
    return Verdict(subject, check, expected, float("nan"), 0.0, "fail", reason)


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Return verdicts as a frame with a row each, in order."""
    return pd.DataFrame(list(verdicts), columns=list(Verdict._fields))
