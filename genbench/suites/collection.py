"""Collections: suites that name other suites, which run as if each were run by hand."""

from collections.abc import Sequence
from pathlib import Path

from genbench.core.errors import ConfigError, did_you_mean
from genbench.suites.load import find_suite, load_suite, suite_files
from genbench.suites.request import Request
from genbench.suites.spec import SuiteSpec, expand, study_specs, tasks_of


def members_of(request: Request, suite: SuiteSpec) -> list[Request]:
    """Return what runs each member of a collection, after a check of them all.

    Raises:
        ConfigError: A member does not exist, is wrong, or holds the collection itself; or the
            request is about models, which a collection leaves to its members.
    """
    if not suite.suites:
        return []
    for key, given in (("--models", request.models), ("--set", request.settings)):
        if given:
            raise ConfigError(
                f"{key}: '{suite.name}' is a collection; run the member that is meant with"
                f" --suite NAME {key} ...; members: {', '.join(suite.suites)}"
            )
    path = find_suite(request.suite)
    files = _member_files(suite, path)
    names = [suite.name, *(_checked(member, (path,)) for member in files)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"suites: two suites are named '{name}'; their results would mix")
    return [request.of(member) for member in files]


def _member_files(suite: SuiteSpec, path: Path) -> list[Path]:
    """Return the files of the members: beside the collection's own, or else shipped."""
    beside = {found.stem: found for found in sorted(path.parent.glob("*.toml"))}
    known = suite_files() | beside
    for i, name in enumerate(suite.suites):
        if name not in known:
            hint = did_you_mean(name, known)
            raise ConfigError(f"suite '{suite.name}': suites.{i}: no suite '{name}'; {hint}")
    return [known[name] for name in suite.suites]


def _checked(path: Path, above: Sequence[Path]) -> str:
    """Check a member and what it holds; return its name."""
    if path in above:
        chain = " > ".join(found.stem for found in (*above, path))
        raise ConfigError(f"suites: a collection cannot hold itself: {chain}")
    suite = load_suite(str(path))
    try:
        expand(suite), tasks_of(suite), study_specs(suite)
    except ConfigError as error:
        raise ConfigError(f"suite '{suite.name}': {error}") from error
    for member in _member_files(suite, path):
        _checked(member, (*above, path))
    return suite.name
