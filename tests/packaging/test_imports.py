"""What the code imports is declared, not merely brought along by another package."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
OWN = {"genbench", "tests", "records"}
"""What this repository holds; ``records`` is an extension of the documentation."""
IN_GENBENCH = ("ray", "parquet", "bench")
"""Extras whose packages the package itself uses where they are there."""
IN_TESTS = ("test", "bench")
PARTS = {"pydantic_core": "pydantic"}
"""Packages that belong to another, in exactly one version for each of it."""


def imported(folder):
    """Return the packages of others that the files of a folder import, by their import name."""
    found = {}
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for module in modules:
                found.setdefault(module.partition(".")[0], path.relative_to(REPOSITORY))
    return {k: v for k, v in found.items() if k not in OWN and k not in sys.stdlib_module_names}


def declared(*extras):
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


@pytest.mark.parametrize(("folder", "extras"), [("genbench", IN_GENBENCH), ("tests", IN_TESTS)])
def test_every_package_that_is_imported_is_declared(folder, extras):
    names, known = packages_distributions(), declared(*extras)
    lacking = {}
    for module, path in imported(folder).items():
        brought_by = names.get(PARTS.get(module, module), [module])
        if known.isdisjoint(map(canonicalize_name, brought_by)):
            lacking[module] = str(path)
    assert lacking == {}


def test_an_undeclared_import_is_found():
    assert "bs4" in imported("tests")
    assert "beautifulsoup4" not in declared()
