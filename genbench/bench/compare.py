"""Compares new rows with stored ones: first whether they are comparable, then speed. No torch."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from genbench.bench.rows import BenchRow, StoredRowsError, key_of, name_of

SpeedVerdict = Literal["same", "slower", "faster", "unclear"]

LEAST_BAND = 0.15
"""A relative change of speed below this is never reported.

Between two runs of the same code a machine drifts by more than the spread within a run.
"""

STANDARD_ERRORS = 4.0
"""Half-width of the band around 1 in standard errors of the ratio, if that is wider."""

NAMED = 6
"""Number of missing benchmarks that a message lists by name."""


def require_comparable(
    old: Sequence[BenchRow], new: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]
) -> None:
    """Compare keys and machines before anything is measured.

    Args:
        old: Stored rows.
        new: Rows with at least their keys.
        machine: This machine's fingerprint and digest.

    Raises:
        StoredRowsError: Lists the benchmarks that only one side has, or what differs between
            the machines.
    """
    before, now = ({key_of(row): name_of(row) for row in rows} for rows in (old, new))
    missing = [name for key, name in before.items() if key not in now]
    extra = [name for key, name in now.items() if key not in before]
    if missing or extra:
        raise StoredRowsError("\n".join([*_missing(missing, extra), *_extra(extra)]))
    for row in old:
        if row["fingerprint_digest"] != machine["fingerprint_digest"]:
            raise StoredRowsError(_different(row["fingerprint"], machine["fingerprint"]))


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
    return "\n".join(["rows from another machine; speeds are not comparable:", *changes[:8]])


def compare_rows(old: Sequence[BenchRow], new: Sequence[BenchRow]) -> list[BenchRow]:
    """Return the new rows with their verdicts; both sides must have the same keys."""
    stored = {key_of(row): row for row in old}
    return [row | compare_row(stored[key_of(row)], row) for row in new]


def compare_row(old: BenchRow, new: BenchRow) -> dict[str, Any]:
    """Return the verdict on one row.

    It uses two ratios of new to old: the speed itself, and the speed relative to the matrix
    products timed in turn with it, which a busy machine affects far less. A row is slower if both
    ratios are below the band, faster if both are above it, and unclear if they disagree. A row
    without products has only the first ratio.

    Returns:
        ``verdict``, ``speed_ratio``, ``corrected_ratio`` (or None) and
        ``smallest_detectable_slowdown``, the share of its speed that a row must lose to be called
        slower.
    """
    speed = new["samples_per_s"] / old["samples_per_s"]
    bands = [_band(old["relative_error"], new["relative_error"])]
    verdicts, corrected = {_verdict(speed, bands[0])}, None
    if _has_products(old) and _has_products(new):
        corrected = _per_operation(new) / _per_operation(old)
        bands.append(_band(old["share_relative_error"], new["share_relative_error"]))
        verdicts.add(_verdict(corrected, bands[1]))
    return {
        "verdict": verdicts.pop() if len(verdicts) == 1 else "unclear",
        "speed_ratio": speed,
        "corrected_ratio": corrected,
        "smallest_detectable_slowdown": 1 - math.exp(-max(bands)),
    }


def _has_products(row: BenchRow) -> bool:
    return row.get("limit_samples_per_s") is not None


def _per_operation(row: BenchRow) -> float:
    """Return the speed relative to the operations per second of the bare products.

    Operations are counted because a limit that computes needless products too would excuse them.
    """
    return float(row["samples_per_s"] / (row["limit_samples_per_s"] * row["flops_per_step"]))


def _band(*errors: float) -> float:
    """Return the half-width of the band around 1, in logarithms of the ratio."""
    return max(-math.log1p(-LEAST_BAND), STANDARD_ERRORS * math.hypot(*errors))


def _verdict(ratio: float, band: float) -> SpeedVerdict:
    if abs(math.log(ratio)) <= band:
        return "same"
    return "slower" if ratio < 1 else "faster"
