"""The gate's outcome for programs: JSON, and JUnit's XML."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from genbench.gate.calibration import Rate
from genbench.gate.check import GateOutcome
from genbench.gate.texts import ORDER, headline, ordered
from genbench.gate.verdicts import Verdict

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(outcome: GateOutcome) -> str:
    """Return the outcome as a JSON object: summary, mismatches, and a row per verdict."""
    content = {
        "schema": 1,
        "suite": outcome.suite,
        "baseline": outcome.baseline,
        "exit_code": int(outcome.exit_code),
        "summary": {word: len(outcome.having(word)) for word in ORDER},
        "mismatches": [vars(mismatch) for mismatch in outcome.mismatches],
        "notes": list(outcome.notes),
        "verdicts": [verdict.row() for verdict in ordered(outcome.verdicts)],
    }
    return _dumped(content)


def rates_json(rates: Sequence[Rate], n_seeds: int, loss: float) -> str:
    """Return measured error rates as a JSON object."""
    rows = [rate.row() for rate in rates]
    return _dumped({"schema": 1, "seeds": n_seeds, "loss": loss, "rates": rows})


def _dumped(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)


def as_junit(outcome: GateOutcome) -> str:
    """Return the outcome as JUnit's XML: a test case per number.

    ``worse`` is a failure, ``inconclusive`` is skipped (a failure if strict), a mismatch an error.
    """
    cases = [_case(outcome, verdict) for verdict in ordered(outcome.verdicts)]
    for mismatch in outcome.mismatches:
        case = ET.Element("testcase", classname=outcome.suite, name=_clean(mismatch.name))
        ET.SubElement(case, "error", message=_clean(mismatch.text))
        cases.append(case)
    counts = {
        "tests": len(cases),
        "failures": len(outcome.failing),
        "errors": len(outcome.mismatches),
        "skipped": 0 if outcome.strict else len(outcome.having("inconclusive")),
    }
    suite = ET.Element("testsuite", name=f"genbench check {outcome.suite}")
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean(headline(outcome))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=False)


def _case(outcome: GateOutcome, verdict: Verdict) -> ET.Element:
    then = verdict.then
    classname = f"{outcome.suite}.{_clean(then.model)}"
    case = ET.Element("testcase", classname=classname, name=_clean(then.label))
    if verdict in outcome.failing:
        ET.SubElement(case, "failure", message=_clean(sentence(verdict)))
    elif verdict.word == "inconclusive":
        ET.SubElement(case, "skipped", message=_clean(sentence(verdict)))
    elif verdict.word == "better":
        ET.SubElement(case, "system-out").text = _clean(sentence(verdict))
    return case


def sentence(verdict: Verdict) -> str:
    """Return a verdict as one sentence.

    Its numbers have the digits that a reader needs; the JSON rows have all of them.
    """
    then, note = verdict.then, f" ({verdict.note})" if verdict.note else ""
    if verdict.now is None or verdict.difference is None:
        return f"{then.name}: {verdict.word}{note}"
    width = "" if verdict.halfwidth is None else f" ± {verdict.halfwidth:.2g} (95 %)"
    margin = "" if then.margin is None else f", margin {then.margin:g}"
    return (
        f"{then.name}: {verdict.word}, {then.mean:.6g} in the baseline, now {verdict.now.mean:.6g}:"
        f" {verdict.difference:+.3g}{width} {then.unit}{margin}{note}"
    )


def _clean(words: str) -> str:
    """Replace what XML cannot hold."""
    return _FORBIDDEN.sub("?", words)
