"""What the sealed runs of a suite say: the rows that its table must have, and facts about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, sha256_bytes
from genbench.core.protocol import LABEL, PIXELS, Protocol
from genbench.results.records import ELSEWHERE
from genbench.results.run_folder import METRICS, PROVENANCE, RUNS, SPEC, RunFolder
from genbench.results.sealed_folder import REDO

KEY = ("metric", "evaluator_version", "options", "protocol", "split")
"""What tells the rows of a run apart."""
_COUNTED = ("value", "stderr", "mc_stderr", "n")
NUMBER = (*_COUNTED, "unit", "better", "kind", "status", "reason", "health")
"""What a row states about its number."""
_BESIDE = ("description", "protocol")
"""What stands in ``spec.json`` beside a run's identity."""

Key = tuple[Any, ...]
Number = tuple[Any, ...]


@dataclass(frozen=True)
class SealedRun:
    """One run, as its folder has it."""

    spec: Mapping[str, Any]
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def trained_elsewhere(self) -> bool:
        """Whether its model was handed over, not trained here."""
        return bool(self.spec["recipe"] == ELSEWHERE)

    @cached_property
    def condition(self) -> str:
        """What its model is given, as protocols name it."""
        described = self.spec["description"]
        shown = described.get("shown")
        return f"{PIXELS}{shown}" if shown else LABEL if described["conditional"] else ""

    def rows(self, protocol: Protocol) -> Iterator[tuple[str, Key, Number]]:
        """Yield evaluation, key and number of every stored row, as the table has them.

        Args:
            protocol: Of the run.
        """
        texts = {False: protocol.text, True: protocol.without_label.text}
        for evaluation, rows in self.metrics["evaluations"].items():
            split = evaluation.partition("/")[0]
            for row in rows:
                text = texts[row.get("marginal", False)]
                options = _json(row.get("options") or {})
                key = (row["metric"], row.get("evaluator_version"), options, text, split)
                stated = {**row, "health": _json(row.get("health") or {})}
                yield evaluation, key, tuple(stated.get(name) for name in NUMBER)


def _json(content: dict[str, Any]) -> str:
    return canonical_json(content) if content else "{}"


def contents_of(suite: Path, train_id: str) -> dict[str, Any]:
    """Read what a run of a suite says of itself, by the file's name; nothing of an unfinished one.

    Raises:
        StorageError: A file is damaged.
    """
    return RunFolder(suite, train_id).contents(SPEC, METRICS, PROVENANCE)


def sealed_run(suite: Path, train_id: str, contents: Mapping[str, Any]) -> SealedRun | None:
    """Return a run from the contents of its files; None where its folder is gone or unfinished.

    Raises:
        StorageError: They are of another run.
    """
    if not contents.keys() >= {SPEC, METRICS}:
        return None
    spec = contents[SPEC]
    require_identity(suite / RUNS / train_id, spec)
    return SealedRun(spec, contents[METRICS], contents.get(PROVENANCE, {}))


def require_identity(folder: Path, spec: Mapping[str, Any]) -> None:
    """Check that a run's specification, of any version, is the one that its folder is named after.

    Raises:
        StorageError: It is of another run.
    """
    beside = _BESIDE if spec["recipe"] == ELSEWHERE else _BESIDE[:1]
    identity = canonical_json({key: value for key, value in spec.items() if key not in beside})
    if sha256_bytes(identity.encode())[:12] != folder.name:
        raise StorageError(f"{folder / SPEC} is of another run; {REDO}")
