"""Keeps what a shard has to do, of a suite and of the members of a collection."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from genbench.runs.shards import Shard, shares_of
from genbench.runs.spec import RunSpec
from genbench.suites.prepare import PreparedSuite

Part = tuple[str, str, str]
"""Suite, kind and name of what is dealt out as one: a share of runs, or a study."""
RUN, STUDY = "run", "study"


def dealt(prepared: PreparedSuite) -> PreparedSuite:
    """Return the same suite with what its shard has to do selected; the whole where there is none.

    All runs and studies of a collection are dealt out as one list.
    """
    shard = Shard.parse(prepared.options.shard)
    return prepared if shard.is_whole else _only(prepared, shard.of(_parts(prepared)))


def _parts(prepared: PreparedSuite) -> Iterator[Part]:
    suite = prepared.suite.name
    for share, _ in _shares(prepared):
        yield suite, RUN, share
    for study in prepared.selected_studies:
        yield suite, STUDY, study.name
    for member in prepared.members if prepared.whole else ():
        yield from _parts(member)


def _only(prepared: PreparedSuite, mine: Collection[Part]) -> PreparedSuite:
    suite = prepared.suite.name
    kept = {spec.label for share, spec in _shares(prepared) if (suite, RUN, share) in mine}
    runs = [spec for spec in prepared.selected_runs if spec.label in kept]
    studies = [s for s in prepared.selected_studies if (suite, STUDY, s.name) in mine]
    members = [_only(member, mine) for member in prepared.members]
    return replace(prepared, selected_runs=runs, selected_studies=studies, members=members)


def _shares(prepared: PreparedSuite) -> Iterator[tuple[str, RunSpec]]:
    groups = prepared.context.groups(prepared.selected_runs)
    for share, group in zip(shares_of(groups), groups, strict=True):
        yield from ((share, spec) for spec in group)
