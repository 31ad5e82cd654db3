"""The metric gate: is any number of a suite worse than its baseline?"""

from collections.abc import Callable, Mapping

from genbench.gate.baseline import Baseline, BaselineError, read_baseline
from genbench.gate.check import GateOutcome, Requirement, check, check_frame
from genbench.gate.formats import append_summary, as_github, as_json, as_junit
from genbench.gate.margins import parse_margins
from genbench.gate.texts import headline, ordered, text
from genbench.gate.update import BaselineUpdate, update, update_from_frame

FORMATS: Mapping[str, Callable[[GateOutcome], str]] = {
    "text": text,
    "json": as_json,
    "junit": as_junit,
    "github": as_github,
}

__all__ = [
    "FORMATS",
    "Baseline",
    "BaselineError",
    "BaselineUpdate",
    "GateOutcome",
    "Requirement",
    "append_summary",
    "check",
    "check_frame",
    "headline",
    "ordered",
    "parse_margins",
    "read_baseline",
    "text",
    "update",
    "update_from_frame",
]
