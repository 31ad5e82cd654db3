"""New rows against stored ones: first whether they compare at all, then which are slower.

Imports no torch.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from genbench.bench.rows import NotComparableError, Row, key_of, name_of

Verdict = Literal["same", "slower", "faster", "unclear"]

LEAST_BAND = 0.15
"""A change of speed below this share is never called one.

Between two runs of the same code a machine drifts by more than the blocks of one run show.
"""

STANDARD_ERRORS = 4.0
"""The band about 1 is this many standard errors of the ratio wide, if that is wider."""

NAMED = 6
"""Benchmarks that a message names before it counts the rest."""


def require_comparable(
    old: Sequence[Row], new: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]
) -> None:
    """Compare key sets and machines, before anything is measured.

    Args:
        old: Stored rows.
        new: Rows with at least the keys.
        machine: This machine's fingerprint and digest.

    Raises:
        NotComparableError: Names each benchmark that only one side has, or what differs between
            the machines.
    """
    before, now = ({key_of(row): name_of(row) for row in rows} for rows in (old, new))
    missing = [name for key, name in before.items() if key not in now]
    extra = [name for key, name in now.items() if key not in before]
    if missing or extra:
        raise NotComparableError("\n".join([*_missing(missing, extra), *_extra(extra)]))
    for row in old:
        if row["fingerprint_digest"] != machine["fingerprint_digest"]:
            raise NotComparableError(_different(row["fingerprint"], machine["fingerprint"]))


def _missing(missing: Sequence[str], extra: Sequence[str]) -> list[str]:
    lines = []
    for name in missing[:NAMED]:
        nearest = difflib.get_close_matches(name, extra, n=1, cutoff=0.8)
        hint = f" (renamed to {nearest[0]}?)" if nearest else ""
        lines.append(f"missing: {name}{hint}")
    rest = len(missing) - NAMED
    return [*lines, f"missing: {rest} more"] if rest > 0 else lines


def _extra(extra: Sequence[str]) -> list[str]:
    if not extra:
        return []
    rest = f" and {len(extra) - 3} more" if len(extra) > 3 else ""
    return [f"not in the old rows: {', '.join(extra[:3])}{rest}"]


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    changes = [f"{n}: {old.get(n)} -> {new.get(n)}" for n in names if n != "genbench"]
    return "\n".join(["the rows are of another machine; speeds do not compare:", *changes[:8]])


def judge(old: Row, new: Row) -> dict[str, Any]:
    """Return the verdict on one row.

    Two ratios of new to old are looked at: of the speed itself, and of the speed in units of the
    rate of matrix products measured in turn with it, which a busy machine moves far less. Only a
    row that falls below the band in both is slower, only one that rises above it in both is faster;
    where they disagree the verdict is unclear. A row without products has the first ratio alone.

    Returns:
        ``verdict``, ``speed_ratio``, ``corrected_ratio`` (or None) and
        ``smallest_detectable_slowdown``, the share of its speed that a row must lose to be called
        slower.
    """
    speed = new["samples_per_s"] / old["samples_per_s"]
    speed_band = _band(old["relative_error"], new["relative_error"])
    corrected, band = None, speed_band
    if _has_products(old) and _has_products(new):
        corrected = _per_machine(new) / _per_machine(old)
        band = _band(old["share_relative_error"], new["share_relative_error"])
    sides = [_side(speed, speed_band)] + ([] if corrected is None else [_side(corrected, band)])
    widest = max(speed_band, band)
    return {
        "verdict": sides[0] if len(set(sides)) == 1 else "unclear",
        "speed_ratio": speed,
        "corrected_ratio": corrected,
        "smallest_detectable_slowdown": 1 - math.exp(-widest),
    }


def _has_products(row: Row) -> bool:
    return row.get("limit_samples_per_s") is not None


def _per_machine(row: Row) -> float:
    """Return the speed per operation a second that the machine gave to the bare products.

    Operations of a step are counted in, so that code which does needless products is not excused
    by a limit that does them, too.
    """
    return float(row["samples_per_s"] / (row["limit_samples_per_s"] * row["flops_per_step"]))


def _band(*errors: float) -> float:
    """Return half the width of the band about 1, in logarithms of the ratio."""
    return max(-math.log1p(-LEAST_BAND), STANDARD_ERRORS * math.hypot(*errors))


def _side(ratio: float, band: float) -> Verdict:
    if abs(math.log(ratio)) <= band:
        return "same"
    return "slower" if ratio < 1 else "faster"


def compare(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the new rows with their verdicts; the key sets are equal."""
    stored = {key_of(row): row for row in old}
    return [row | judge(stored[key_of(row)], row) for row in new]
