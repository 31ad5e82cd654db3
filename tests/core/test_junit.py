import xml.etree.ElementTree as ET

from genbench.core.junit import junit_case, junit_xml


def test_cases_are_counted_by_their_outcome():
    outcomes = ("failure", "failure", "error", "skipped", "")
    cases = [junit_case("a", str(i), outcome, "why") for i, outcome in enumerate(outcomes)]
    suite = ET.fromstring(junit_xml("all", cases, "said")).find("testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "2", "errors": "1", "skipped": "1"}
    assert suite.find("system-out").text == "said"


def test_what_xml_cannot_contain_is_replaced():
    case = junit_case("a\x00", "b\x1b<", "failure", "c\ufffe")
    assert ET.fromstring(junit_xml("\x08", [case], "\x0b")).find(".//testcase").get("name") == "b?<"
