"""The short form of the fault suite; ``python -m tests.faults`` is the long one."""

import pytest

from tests.faults.kinds import KINDS
from tests.faults.preload import compiler

SHORT = {name: kind for name, kind in KINDS.items() if kind.short}


@pytest.mark.parametrize("kind", SHORT.values(), ids=SHORT)
def test_nothing_is_lost_or_half_written_and_every_answer_is_in_order(make, kind):
    if kind.preload and not compiler():
        pytest.skip("no C compiler makes the library whose system calls fail")
    outcomes = [make(kind.name, number) for number in range(kind.short)]
    assert [(each.number, each.problem) for each in outcomes if each.problem] == []
    assert sum(each.tried for each in outcomes) > 0
