"""Text files are UTF-8 whatever the locale: every call that opens one says so."""

import ast
from pathlib import Path

import pytest

import genbench

PACKAGE = Path(genbench.__file__).parent
OPENERS = ("open", "fdopen", "read_text", "write_text")
OTHERS = ("os.open", "Image.open", "StoredSuite.open", "archive.open")  # a member of a zip is bytes
BINARY = {"rb", "wb", "ab", "xb", "rb+", "wb+"}


def locale_dependent(source):
    """Return the calls that open, read or write a text file in the encoding of the locale."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if opens_text(call) and not states_encoding(call)]


def opens_text(call):
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    constants = {node.value for node in arguments if isinstance(node, ast.Constant)}
    return name in OPENERS and ast.unparse(call.func) not in OTHERS and not constants & BINARY


def states_encoding(call):
    return any(keyword.arg == "encoding" for keyword in call.keywords)


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("path.read_text()", 1),
        ("path.write_text('5')", 1),
        ("open('a.csv')", 1),
        ("path.open('w', newline='')", 1),
        ("path.read_text(encoding='utf-8')", 0),
        ("path.open('rb')", 0),
        ("os.fdopen(handle, 'wb')", 0),
        ("os.open(folder, os.O_RDONLY)", 0),
    ],
)
def test_a_text_file_in_the_encoding_of_the_locale_is_noticed(source, n):
    assert len(locale_dependent(source)) == n


def test_every_text_file_of_the_package_is_opened_in_a_stated_encoding():
    calls = {p: locale_dependent(p.read_text(encoding="utf-8")) for p in PACKAGE.rglob("*.py")}
    assert len(calls) > 100
    assert {path: found for path, found in calls.items() if found} == {}
