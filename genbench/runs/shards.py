"""Deals work out to processes and machines that know nothing of each other.

What a shard gets follows from what is asked alone: not from the order of a file, not from what is
stored, not from the data, which may still be missing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from genbench.core.errors import ConfigError, quoted
from genbench.runs.run_context import Group
from genbench.runs.spec import RunSpec


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...
    def __hash__(self) -> int: ...


Key = TypeVar("Key", bound=_Ordered)
_FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True)
class Shard:
    """One of ``count`` parts of a suite; ``index`` is counted from 1."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str | None) -> "Shard":
        """Read ``i/n``; without a text it is the whole.

        Raises:
            ConfigError: It is not of that form, or there is no such shard.

        Example:
            >>> Shard.parse("2/4")
            Shard(index=2, count=4)
        """
        if text is None:
            return cls()
        parts = _FORM.fullmatch(text)
        shard = cls(*map(int, parts.groups())) if parts else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise ConfigError(
                f"shard: expected i/n with i from 1 to n, like 2/4; not {quoted(text)}"
            )
        return shard

    @property
    def is_whole(self) -> bool:
        """Whether there is no other shard."""
        return self.count == 1

    def of(self, keys: Iterable[Key]) -> frozenset[Key]:
        """Return the keys of this shard: each ``count``-th of the distinct ones, in their order.

        Shards are disjoint, together they are everything, and they differ in size by at most one.

        Example:
            >>> sorted(Shard(1, 2).of("dacba")), sorted(Shard(2, 2).of("dacba"))
            (['a', 'c'], ['b', 'd'])
        """
        return frozenset(sorted(set(keys))[self.index - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shares_of(groups: Sequence[Group]) -> list[str]:
    """Return the share of each group; groups that need one training have the same.

    A run with an assumption needs the training of the same run without it, and rows of two names
    may be one run. A share is named by the least identity of its trainings.
    """
    trainings = [[*map(_training, group)] for group in groups]
    above: dict[str, str] = {}  # from each training to a lesser one of its share, or itself

    def least(one: str) -> str:
        while above.setdefault(one, one) != one:
            above[one] = one = above[above[one]]
        return one

    for known in trainings:
        roots = [*map(least, known)]
        above |= dict.fromkeys(roots, min(roots))
    return [least(known[0]) for known in trainings]


def _training(spec: RunSpec) -> str:
    """What is trained, by its identity without the digest of the data, and the data's name."""
    return f"{spec.base.train_id('')} {spec.data.name}"
