"""The lock of hashes holds what ``constraints.txt`` pins and what ``pyproject.toml`` asks for."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = (REPOSITORY / "requirements.lock").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PINS = re.findall(r"^([\w.-]+)==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
CONSTRAINTS = {canonicalize_name(name): version for name, version in PINS}


def locked():
    """Return each package of the lock with its version, its marker and its hashes."""
    entries = re.findall(
        r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\\n((?:    --hash=.*\n?)+)", LOCK, re.MULTILINE
    )
    return {name: (version, marker, hashes.split()) for name, version, marker, hashes in entries}


def test_every_package_of_the_lock_has_hashes_and_each_is_sha256():
    entries = locked()
    assert len(entries) == len(re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE)) > 100
    for _, _, hashes in entries.values():
        assert all(
            re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", part) for part in hashes if part != "\\"
        )


def test_the_lock_has_the_versions_of_the_constraints():
    versions = {name: version for name, (version, _, _) in locked().items()}
    assert {name: versions.get(name) for name in CONSTRAINTS} == CONSTRAINTS


def test_only_what_some_platforms_need_is_locked_and_not_constrained():
    extra = {name: marker for name, (_, marker, _) in locked().items() if name not in CONSTRAINTS}
    assert all(extra.values()), [name for name, marker in extra.items() if not marker]


@pytest.mark.parametrize("extra", [None, "test", "dev", "docs", "ray", "parquet"])
def test_the_lock_meets_every_requirement(extra):
    optional = PROJECT["optional-dependencies"]
    entries = locked()
    for line in PROJECT["dependencies"] if extra is None else optional[extra]:
        requirement = Requirement(line)
        if requirement.name != "genbench":
            assert entries[canonicalize_name(requirement.name)][0] in requirement.specifier


def test_what_builds_the_package_is_locked():
    built_with = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]
    (build,) = (Requirement(line) for line in built_with["requires"])
    assert locked()[build.name][0] in build.specifier


def test_the_documented_command_makes_the_lock():
    command = re.findall(r"^#    (uv pip compile .*)$", LOCK, re.MULTILINE)
    assert len(command) == 1
    assert command[0] in (REPOSITORY / "CONTRIBUTING.md").read_text()


# The first versions without a known vulnerability, and the newest of those that they end.
MENDED = {
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "pillow": ("12.3.0", "CVE-2026-59200"),
    "playwright": ("1.56.0", "CVE-2025-9611"),
    "pyarrow": ("23.0.1", "CVE-2026-25087"),
    "pydantic": ("2.4.0", "CVE-2024-3772"),
    "pytest": ("9.0.3", "CVE-2025-71176"),
    "ray": ("2.56.0", "CVE-2026-57516"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "torch": ("2.11.0", "CVE-2026-4538"),  # CVE-2025-3000 needs torch.jit, see below
    "tqdm": ("4.66.3", "CVE-2024-34062"),
}


def direct():
    optional = chain.from_iterable(PROJECT["optional-dependencies"].values())
    requirements = [Requirement(line) for line in [*PROJECT["dependencies"], *optional]]
    return [requirement for requirement in requirements if requirement.name != "genbench"]


@pytest.mark.parametrize("requirement", direct(), ids=str)
def test_a_lower_bound_admits_no_version_with_a_known_vulnerability(requirement):
    (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
    mended, _ = MENDED.get(requirement.name, ("0", ""))
    assert Version(bound) >= Version(mended)


def test_the_part_of_torch_with_an_open_vulnerability_is_never_used():
    for path in (REPOSITORY / "genbench").rglob("*.py"):
        assert not re.search(r"torch\.(jit|load|package)\b", path.read_text()), path
