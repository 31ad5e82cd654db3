"""All mutations, and the table of what each of them turns red."""

from collections.abc import Iterator

import pytest

from tests.mutations.bugs import BUGS
from tests.mutations.density_risks import DENSITY_RISKS
from tests.mutations.field_bugs import FIELD_BUGS
from tests.mutations.likelihood_bugs import LIKELIHOOD_BUGS
from tests.mutations.mutation import Mutation
from tests.mutations.own_risks import OWN_RISKS
from tests.mutations.sample_bugs import SAMPLE_BUGS
from tests.mutations.system_bugs import STATISTICS_RISKS, SYSTEM_BUGS

OF_THE_COLLECTION = sorted(
    [*FIELD_BUGS, *SYSTEM_BUGS, *SAMPLE_BUGS, *LIKELIHOOD_BUGS], key=lambda m: int(m.number)
)
MUTATIONS = [*OF_THE_COLLECTION, *OWN_RISKS, *DENSITY_RISKS, *STATISTICS_RISKS]
RED = (AssertionError, pytest.fail.Exception)


def turns_red(mutation: Mutation, patch: pytest.MonkeyPatch) -> bool:
    """Whether the oracle passes without the bug and fails with it."""
    mutation.oracle()
    mutation.inject(patch)
    try:
        mutation.oracle()
    except RED:
        return True
    return False


def oracle_name(mutation: Mutation) -> str:
    """The name of the check, without its arguments."""
    oracle = mutation.oracle
    if oracle.__name__ != "<lambda>":
        return oracle.__name__
    names = oracle.__code__.co_names
    return next((name for name in names if name.startswith(("test_", "require_"))), names[0])


def walk() -> Iterator[tuple[Mutation, bool]]:
    """Inject one bug after the other; each is taken out again."""
    for mutation in MUTATIONS:
        with pytest.MonkeyPatch.context() as patch:
            yield mutation, turns_red(mutation, patch)


def caught(results: list[tuple[Mutation, bool]]) -> set[int]:
    """Numbers of the bugs of the collection all of whose mutations turn a check red."""
    missed = {m.number for m, red in results if not red}
    return {n for n in BUGS if str(n) in {m.number for m, _ in results} and str(n) not in missed}
