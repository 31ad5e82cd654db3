"""Collections: suites that name other suites, which run as if each were run by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genbench.core.errors import ConfigError, did_you_mean
from genbench.runs.run_options import RunOptions
from genbench.suites.load import find_suite, load_suite, suite_files
from genbench.suites.spec import SuiteSpec, expand, study_specs, tasks_of


def members_of(options: RunOptions, suite: SuiteSpec) -> list[RunOptions]:
    """Return the options that run each member of a collection, after a check of all members.

    Raises:
        ConfigError: A member does not exist, is wrong, or contains the collection itself; or the
            options name models or settings, which belong to the members.
    """
    if not suite.suites:
        return []
    for key, value in (("--models", options.models), ("--set", options.settings)):
        if value:
            raise ConfigError(
                f"{key}: '{suite.name}' is a collection; run the member that is meant with"
                f" --suite NAME {key} ...; members: {', '.join(suite.suites)}"
            )
    path = find_suite(options.suite)
    members = _member_files(suite, path)
    names = [suite.name, *(_checked(member, (path,)) for member in members)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"suites: two suites are named '{name}'; their results would mix")
    return [replace(options, suite=str(member)) for member in members]


def _member_files(suite: SuiteSpec, path: Path) -> list[Path]:
    """Return the files of the members: beside the collection, or else among the shipped ones."""
    known = suite_files() | {beside.stem: beside for beside in sorted(path.parent.glob("*.toml"))}
    for i, name in enumerate(suite.suites):
        if name not in known:
            hint = did_you_mean(name, known)
            raise ConfigError(f"suite '{suite.name}': suites.{i}: no suite '{name}'; {hint}")
    return [known[name] for name in suite.suites]


def _checked(path: Path, above: Sequence[Path]) -> str:
    """Check a member and its own members; return its name."""
    if path in above:
        chain = " > ".join(outer.stem for outer in (*above, path))
        raise ConfigError(f"suites: a collection cannot hold itself: {chain}")
    suite = load_suite(str(path))
    try:
        expand(suite), tasks_of(suite), study_specs(suite)
    except ConfigError as error:
        raise ConfigError(f"suite '{suite.name}': {error}") from error
    for member in _member_files(suite, path):
        _checked(member, (*above, path))
    return suite.name
