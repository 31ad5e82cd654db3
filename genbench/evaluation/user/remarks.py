"""What must be said beside a number because of what the model did."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from genbench.core.capabilities import methods_of
from genbench.core.statistics import few_decide
from genbench.evaluation.runner import Row
from genbench.evaluation.spec import Evaluator
from genbench.evaluation.user.boundary import CALLS, Adapted

_CONSEQUENCES = dict.fromkeys(("lower_bound", "upper_bound"), "the bound may be loose")
FEW = 1.5
"""With fewer effective draws than this, one draw decides and its error cannot be known."""


def with_remarks(row: Row, evaluator: Evaluator, model: Any, x: Tensor) -> Row:
    """Return a row with what its reader must know, and no Monte-Carlo error where one draw decides.

    Args:
        row: Of an evaluation on ``x``.
        evaluator: Its evaluator.
        model: The model behind the row.
        x: Data (N, ...).
    """
    adapted = isinstance(model, Adapted)
    if adapted and row.status == "not_applicable" and not model.methods:
        return replace(row, reason=f"{row.reason}; genbench.check_model lists what it needs")
    if row.status != "ok":
        return row
    remarks = _remarks(evaluator, model, x) if adapted else []
    ess = row.health.get("ess", FEW)
    if ess < FEW and row.mc_stderr is not None:
        found = f"effective sample size {ess:.2g}: one draw decides, its error is unknown"
        row, remarks = replace(row, mc_stderr=None), [found, *remarks]
    elif sign := few_decide(row.health):
        consequence = _CONSEQUENCES.get(row.kind, "it may be far off")
        remarks = [f"{sign}: few draws carry the weight, {consequence}", *remarks]
    return replace(row, reason="; ".join(part for part in (row.reason, *remarks) if part))


def _remarks(evaluator: Evaluator, model: Adapted, x: Tensor) -> list[str]:
    """Return what was remarked on the methods that an evaluator may call."""
    methods = sorted({name for need in evaluator.needs for name in methods_of(need)})
    ranges = about_ranges(model, x)
    known = [text for name in methods for text in sorted(model.facts.remarks.get(name, ()))]
    return known + [ranges[name] for name in methods if name in ranges]


def about_ranges(model: Adapted, x: Tensor) -> dict[str, str]:
    """Return what to say, by method, if images that the model made have another range than x."""
    if not model.facts.ranges:
        return {}
    of_data = _range(float(x.min()), float(x.max()))
    found = {name: _range(*seen) or _far(*seen) for name, seen in model.facts.ranges.items()}
    return {
        name: f"{CALLS[name]} returned images in {made}, x is in {of_data}"
        for name, made in found.items()
        if made and of_data and made != of_data
    }


def _far(low: float, high: float) -> str:
    """Return the range of numbers that are no intensities, such as logits; empty if it is near."""
    return f"[{low:.3g}, {high:.3g}]" if low < -1.5 or high > 2.5 else ""


def _range(low: float, high: float) -> str:
    """Return the usual range of intensities that numbers lie in; empty if it is none of them."""
    if low >= -0.01 and high <= 1.01:
        return "[0, 1]"
    if -1.01 <= low < -0.5 and high <= 1.01:
        return "[-1, 1]"
    return "[0, 255]" if low >= -0.5 and 2 < high <= 255.5 else ""
