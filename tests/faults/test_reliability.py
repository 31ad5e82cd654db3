"""Every test that the page on reliability names exists, and every case names one."""

import ast
import re
from functools import cache

import pytest

from tests.faults.kinds import KINDS
from tests.faults.pool import REPOSITORY
from tests.faults.table import PAGE

TEXT = PAGE.read_text(encoding="utf-8")
CASES = [line for line in TEXT.partition("## Cases")[2].splitlines() if line.startswith("| ")]
ROWS = [line for line in CASES if not line.startswith("| case |")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[(\w+)\])?`")


@cache
def functions_of(path):
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:].partition(" |")[0][:40])
def test_a_case_names_tests_that_exist(row):
    named = NAMED.findall(row.rpartition(" | ")[2])
    assert named, "no test is named"
    for path, name, kind in named:
        assert name in functions_of(path), path
        assert not kind or KINDS[kind].short, "the short form has none of this kind"


def test_there_are_cases():
    assert len(ROWS) > 40
