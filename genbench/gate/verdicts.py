"""Verdicts: each number of a baseline against its counterpart, corrected over the table.

``worse`` needs two things: the loss is significant after Holm's correction over all directed
numbers of the table, and its estimate exceeds the margin. ``better`` is the same in the other
direction: progress, or a leak. ``same`` means equal bits, or an interval within the margin (two
one-sided tests at 5 %). Everything else is ``inconclusive``: too noisy to tell.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from genbench.core.statistics import ENOUGH_PAIRS, Noise, Part, holm, mean_part, total
from genbench.gate.entries import Absence, Absent, Entry, Key
from genbench.gate.statistics import (
    Matrix,
    by_seed,
    detectable,
    is_contradicted,
    prior_sd,
    repeated,
    welch,
)

Word = Literal["same", "better", "worse", "inconclusive"]
Lookup = Callable[[Entry], Matrix | None]
ALPHA = 0.01
"""Probability of any false ``worse`` in a whole table, and of any false ``better``."""
EQUIVALENCE = 0.05
_ROUNDING = 1e-6  # float32 sums in a different order


@dataclass(frozen=True)
class EntryComparison:
    """Two numbers, their difference in the direction of better, and its noise.

    Attributes:
        gain: Current minus baseline, positive if better (or higher, without a direction).
        test: ``identical``, ``paired``, ``welch``, or ``none`` if the noise is unknown.
        noise: With the spread of both sides; None if it is unknown.
        noise_if_same: With the spread of the baseline on both sides.
    """

    then: Entry
    now: Entry
    gain: float
    test: str
    noise: Noise | None
    noise_if_same: Noise | None

    @property
    def is_tested(self) -> bool:
        """Whether it counts in the correction: it has a direction and a known noise."""
        return self.then.sign != 0 and bool(self.noise or self.noise_if_same)

    def tail(self, side: float) -> float:
        """Return the p-value of a loss (``side`` 1) or a gain (-1): the smaller of two, doubled."""
        known = [noise for noise in (self.noise, self.noise_if_same) if noise]
        return min(1.0, len(known) * min(noise.tail(side * self.gain) for noise in known))


@dataclass(frozen=True)
class Verdict:
    """One line of the gate's table.

    Attributes:
        difference: Current minus baseline, in the metric's unit; None without a current number.
        halfwidth: Half of the 95 % interval of the difference.
        p_value: For being no worse (for a gain: no better), Holm-corrected; None if not tested.
        detectable: The smallest loss that the gate would have called worse with probability 0.95;
            None if neither direction is better.
    """

    word: Word
    then: Entry
    now: Entry | None
    test: str
    difference: float | None = None
    halfwidth: float | None = None
    p_value: float | None = None
    detectable: float | None = None
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Return the verdict as plain data."""
        shared = ("model", "metric", "split", "protocol", "unit", "better", "margin")
        return {
            "verdict": self.word,
            **{name: getattr(self.then, name) for name in shared},
            "seeds": len(self.then.seeds),
            "baseline": self.then.mean,
            "current": self.now.mean if self.now else None,
            "difference": self.difference,
            "halfwidth_95": self.halfwidth,
            "test": self.test,
            "p_value": self.p_value,
            "detectable": self.detectable,
            "note": self.note,
        }


def no_values(entry: Entry) -> None:
    """Return nothing: a table alone has no per-datum values."""


def verdicts_of(
    baseline: Sequence[Entry],
    current: Sequence[Entry],
    absent: Sequence[Absent] = (),
    values_then: Lookup = no_values,
    values_now: Lookup = no_values,
) -> list[Verdict]:
    """Judge every number of the baseline; key sets must agree (:mod:`genbench.gate.keys`)."""
    now = {entry.key: entry for entry in current}
    comparisons = {
        key: compare_entries(then, now[key], values_then(then), values_now(now[key]))
        for then in baseline
        if (key := then.key) in now
    }
    decided, lost = decide(comparisons), Absence(absent)
    return [decided.get(entry.key) or _lost(entry, lost) for entry in baseline]


def decide(comparisons: Mapping[Key, EntryComparison]) -> dict[Key, Verdict]:
    """Turn the comparisons of a whole table into verdicts."""
    losses, gains = _corrected(comparisons, 1.0), _corrected(comparisons, -1.0)
    level = ALPHA / max(len(losses), 1)
    return {
        key: _verdict(pair, losses.get(key), gains.get(key), level)
        for key, pair in comparisons.items()
    }


def compare_entries(
    then: Entry, now: Entry, values_then: Matrix | None, values_now: Matrix | None
) -> EntryComparison:
    """Measure one difference and its noise, with the most powerful test that the values allow."""
    gain = (then.sign or 1.0) * (now.mean - then.mean)
    if (then.seeds, then.values) == (now.seeds, now.values):
        return EntryComparison(then, now, 0.0, "identical", *_noises(then, now, []))
    test, over_data = "welch", []
    if values_now is not None and values_then is not None and values_now.shape == values_then.shape:
        test, over_data = "paired", [mean_part(values_now.mean(axis=0) - values_then.mean(axis=0))]
    noises = _noises(then, now, over_data)
    return EntryComparison(then, now, gain, test if any(noises) else "none", *noises)


def _noises(then: Entry, now: Entry, over_data: list[Part | None]) -> list[Noise | None]:
    """Return the noise with the spread of both sides, and with the baseline's on both."""
    prior = prior_sd(then.margin)
    pairs = bool(over_data) and then.seeds == now.seeds and len(then.seeds) >= ENOUGH_PAIRS
    over_seeds = (by_seed if pairs else welch)(now.values, then.values, prior)
    own = _own_errors(then, now)
    if_same = [*repeated(then.values, prior), *own[:1], *own[:1]]
    return [total([*over_data, *parts]) for parts in ([*over_seeds, *own], if_same)]


def _own_errors(then: Entry, now: Entry) -> list[Part]:
    """Return the errors that two numbers state, if neither has a second seed to show them.

    Those of means over the test data do not count: both sides share the data.
    """
    several = len(then.seeds) > 1 or len(now.seeds) > 1
    if several or not now.own_error or then.stderr is None or now.stderr is None:
        return []
    return [Part(stderr**2, math.inf) for stderr in (then.stderr, now.stderr)]


def _corrected(pairs: Mapping[Key, EntryComparison], side: float) -> dict[Key, float]:
    """Return Holm's p-values of a loss (``side`` 1) or of a gain (-1), for every tested number."""
    raw = {key: pair.tail(side) for key, pair in pairs.items() if pair.is_tested}
    return dict(zip(raw, holm(list(raw.values())), strict=True))


def _verdict(
    pair: EntryComparison, p_loss: float | None, p_gain: float | None, level: float
) -> Verdict:
    then, noise, margin = pair.then, pair.noise, pair.then.margin or 0.0
    word = _word(pair, p_loss, p_gain)
    return Verdict(
        word,
        then,
        pair.now,
        pair.test,
        difference=(then.sign or 1.0) * pair.gain,
        halfwidth=noise.reach(0.025) if noise and pair.test != "identical" else None,
        p_value=None if pair.test == "identical" else p_gain if pair.gain > 0 else p_loss,
        detectable=detectable(noise, margin, level / 2) if pair.is_tested and noise else None,
        note=_note(pair, word),
    )


def _word(pair: EntryComparison, p_loss: float | None, p_gain: float | None) -> Word:
    margin, gain = pair.then.margin or 0.0, pair.gain
    rounding = _ROUNDING * max(abs(pair.then.mean), abs(pair.now.mean))
    if pair.test == "identical" or abs(gain) <= rounding:
        return "same"
    if p_loss is not None and p_loss < ALPHA and -gain > margin:
        return "worse"
    if p_gain is not None and p_gain < ALPHA and gain > margin:
        return "better"
    if pair.noise and abs(gain) + pair.noise.reach(EQUIVALENCE) <= margin:
        return "same"
    return "inconclusive"


def _note(pair: EntryComparison, word: Word) -> str:
    then, now = pair.then, pair.now
    if word == "better":
        return "progress, or a leak?"
    if pair.test == "none":
        return "one seed and no margin: the noise is unknown"
    if word == "inconclusive" and not then.sign and abs(pair.gain) > (then.margin or 0.0):
        return "changed; neither direction is better"
    if word == "inconclusive" and then.margin is None:
        return "no margin declared"
    prior = prior_sd(then.margin)
    if pair.test != "identical" and any(is_contradicted(e.values, prior) for e in (then, now)):
        return "spread between seeds exceeds half the margin"
    return ""


def _lost(entry: Entry, absent: Absence) -> Verdict:
    failure = next(number for number in absent.of(entry) if number.is_failure)
    return Verdict("worse", entry, None, "none", note=f"no number: {failure.cause}")
