"""Test results as JUnit's XML, which systems of continuous integration read."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(words: str) -> str:
    """Replace characters that XML cannot contain."""
    return _FORBIDDEN.sub("?", words)


def junit_case(classname: str, name: str, outcome: str = "", message: str = "") -> ET.Element:
    """Return a test case; ``outcome`` is ``failure``, ``error``, ``skipped`` or nothing."""
    case = ET.Element("testcase", classname=clean(classname), name=clean(name))
    if outcome:
        ET.SubElement(case, outcome, message=clean(message))
    return case


def junit_xml(name: str, cases: Iterable[ET.Element], said: str) -> str:
    """Return a suite of test cases, with what is said of it as a whole.

    Example:
        >>> print(junit_xml("all", [junit_case("a", "b", "failure", "c")], "1 of 1 failed"))
        <testsuites>
         <testsuite name="all" tests="1" failures="1" errors="0" skipped="0">
          <testcase classname="a" name="b">
           <failure message="c" />
          </testcase>
          <system-out>1 of 1 failed</system-out>
         </testsuite>
        </testsuites>
    """
    suite = ET.Element("testsuite", name=clean(name))
    suite.extend(cases)
    outcomes = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {key: len(suite.findall(f"testcase/{tag}")) for key, tag in outcomes.items()}
    suite.attrib |= {key: str(n) for key, n in ({"tests": len(suite)} | counts).items()}
    ET.SubElement(suite, "system-out").text = clean(said)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=False)
