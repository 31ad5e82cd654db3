"""What must agree before numbers are compared: their names, and what each one measures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from genbench.gate.entries import Absence, Absent, Entry

_SAME = {
    "version": "evaluator version",
    "options": "options",
    "n": "number of data",
    "kind": "kind",
    "unit": "unit",
    "better": "direction",
}


@dataclass(frozen=True)
class Mismatch:
    """Why a number on one side has no comparable counterpart on the other."""

    what: str
    name: str
    detail: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.what}: {self.name}" + (f" ({self.detail})" if self.detail else "")


def mismatches(
    baseline: Sequence[Entry], current: Sequence[Entry], absent: Sequence[Absent] = ()
) -> list[Mismatch]:
    """Compare the keys of both sides, and what each key measures.

    A number that is absent because its run failed or diverged is a regression, not a mismatch.
    """
    then, now = ({entry.key: entry for entry in side} for side in (baseline, current))
    known = Absence(absent)
    causes = {e.key: known.of(e) for e in baseline}
    failed = {key for key, numbers in causes.items() if any(n.is_failure for n in numbers)}
    gone = [e for e in baseline if e.key not in now and e.key not in failed]
    new = [e for e in current if e.key not in then]
    differing = [
        Mismatch("other protocol", old.name, f"baseline {old.protocol}, now {other.protocol}")
        for old, other in _matched(gone, new, lambda old, new: old.key[:3] == new.key[:3])
    ]
    differing += [
        Mismatch("renamed", old.name, f"now {other.name}")
        for old, other in _matched(gone, new, _has_another_name)
    ]
    for entry in gone:
        why = [number.cause for number in causes[entry.key]] or ["in the baseline only"]
        differing.append(Mismatch("missing", entry.name, why[0]))
    differing += [Mismatch("extra", entry.name, "in the results only") for entry in new]
    for entry in baseline:
        if entry.key in now:
            differing += _differences(entry, now[entry.key])
    return differing


def _matched(
    gone: list[Entry], new: list[Entry], is_match: Callable[[Entry, Entry], bool]
) -> list[tuple[Entry, Entry]]:
    """Remove the matching pairs from both lists and return them."""
    pairs = []
    for old in list(gone):
        other = next((entry for entry in new if is_match(old, entry)), None)
        if other:
            gone.remove(old)
            new.remove(other)
            pairs.append((old, other))
    return pairs


def _has_another_name(old: Entry, new: Entry) -> bool:
    """Whether both come from the same runs, with equal values under another name."""
    same_runs = any(old.train_ids) and (old.train_ids, old.split) == (new.train_ids, new.split)
    if not same_runs or old.protocol != new.protocol:
        return False
    return old.metric == new.metric or (old.model == new.model and old.values == new.values)


def _differences(old: Entry, new: Entry) -> Iterator[Mismatch]:
    for field, word in _SAME.items():
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield Mismatch(f"other {word}", old.name, f"baseline {before}, now {after}")
    if len(old.seeds) != len(new.seeds):
        detail = f"baseline {len(old.seeds)}, now {len(new.seeds)}"
        yield Mismatch("other number of seeds", old.name, detail)
