import json
import math
import xml.etree.ElementTree as ET

import pytest

from genbench.certify.formats import as_json, as_junit, as_text, headline
from genbench.certify.verdict import Verdict, fault, judge
from genbench.core.texts import Terminal

GOOD = judge("vae: elbo", "sum", "<=", 1.0, 0.9, 0.01, "")
ALSO = judge("vae: iw_curve[2]", "sum", "<=", 1.0, 0.95, 0.01, "")
BAD = judge("mine: log_prob", "sum", "=", 1.0, 1.21, 0.01, "more draws than it divides by")
BROKEN = fault("mine: log_prob", "values", "512 numbers", "3 of 512 values are NaN")
ALL = [GOOD, ALSO, BAD, BROKEN]


def test_text_has_a_line_for_who_passed_and_every_check_that_failed():
    text = as_text(ALL, Terminal(120))
    lines = [line.split() for line in text.splitlines()]
    assert ["vae", "2", "elbo,", "iw_curve"] in lines
    assert "1.21" in text
    assert "more draws than it divides by" in text
    assert "3 of 512 values are NaN" in text
    assert "0.95" not in text
    assert text.endswith("FAILED: 2 of 4 checks: mine: log_prob")


def test_verbose_text_has_every_check():
    text = as_text(ALL, Terminal(120), verbose=True)
    assert text.count("FAIL ") == 2
    for told in ("0.9", "0.95", "1.21", "at most 1"):
        assert told in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    many = [BAD._replace(subject=f"mine_{i}: log_prob") for i in range(9)]
    for verdicts in (ALL, many):
        assert max(map(len, as_text(verdicts, Terminal(width)).splitlines())) <= max(width, 80)


def test_json_has_every_field_and_null_for_nan():
    rows = json.loads(as_json(ALL), parse_constant=pytest.fail)
    assert [list(row) for row in rows] == [list(Verdict._fields)] * 4
    assert rows[3]["found"] is None
    assert math.isclose(rows[2]["found"], 1.21)


def test_junit_has_a_case_for_each_check_and_a_failure_for_each_that_failed():
    suite = ET.fromstring(as_junit(ALL)).find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    (first, _) = suite.findall("testcase/failure")
    assert "expected 1, found 1.21" in first.get("message")


def test_the_headline_of_success_and_of_nothing():
    assert headline([GOOD]) == "passed: all of 1 checks"
    assert headline([]).startswith("nothing was certified")
