"""``certified.json``: the claims of a suite's models that were certified, and by which checks.

A claim is what one metric says of one model. The file holds a digest of its own content.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from genbench.core.errors import StorageError
from genbench.core.files import pretty_json, sha256_json, write_atomic
from genbench.core.reading import MIB, contained, read_json
from genbench.results.records import StoredRecord, StoredRun

CERTIFIED = "certified.json"
LARGEST = 16 * MIB
_SEAL = "sha256"
_ANEW = "delete it and run `python -m genbench certify --suite"


class ClaimKey(NamedTuple):
    """A metric of a model, in the version of its evaluator."""

    model: str
    metric: str
    version: int


class Certificate(StoredRecord):
    """A check that a claim passed.

    Attributes:
        recipe: Whose code was checked.
        metric: The claim.
        version: Of its evaluator.
        check: What was done, in a few words: ``sum over a 3x3 world``.
        expected: What the check asks for, as text: ``at most 1``.
        genbench: The version that checked it.
        train_id: The run whose weights were checked; empty where the code was, on a small world.
    """

    model: str
    recipe: str
    metric: str
    version: int
    check: str
    expected: str
    found: float
    tolerance: float
    genbench: str
    train_id: str = ""

    @property
    def claim(self) -> ClaimKey:
        """What was certified."""
        return ClaimKey(self.model, self.metric, self.version)


class _Content(StoredRecord):
    schema_version: Literal[1] = Field(alias="schema")
    certificates: tuple[Certificate, ...]


def read_certificates(path: Path) -> tuple[Certificate, ...]:
    """Return the certificates in the file of a suite; none where nothing was certified.

    Raises:
        StorageError: The file was edited or is damaged.
    """
    suite = path.parent
    path = contained(suite.parent, Path(suite.name) / path.name)
    if not path.exists():
        return ()
    anew = f"{_ANEW} {suite.name}`"
    content = read_json(path, LARGEST)
    seal = content.pop(_SEAL, None) if isinstance(content, dict) else None
    if seal != sha256_json(content):
        raise StorageError(
            f"{path} was edited or is damaged, its SHA-256 is not the stored one; {anew}"
        )
    try:
        return _Content.model_validate(content).certificates
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StorageError(f"{path} is damaged: {where}: {first['msg']}; {anew}") from error


def write_certificates(
    folder: Path, passed: Sequence[Certificate], failed: Collection[ClaimKey]
) -> None:
    """Add certificates to those of a suite; a claim that failed a check loses all of its own.

    The caller holds the lock of the folder.

    Raises:
        StorageError: The present file is damaged, or cannot be written.
    """
    known = {
        _key(certificate): certificate for certificate in read_certificates(folder / CERTIFIED)
    }
    known |= {_key(certificate): certificate for certificate in passed}
    kept = [known[key] for key in sorted(known) if known[key].claim not in failed]
    rows = [certificate.model_dump(mode="json") for certificate in kept]
    content: dict[str, Any] = {"schema": 1, "certificates": rows}
    path = contained(folder.parent, Path(folder.name) / CERTIFIED)
    write_atomic(path, pretty_json(content | {_SEAL: sha256_json(content)}))


def _key(certificate: Certificate) -> tuple[Any, ...]:
    return (*certificate.claim, certificate.check, certificate.train_id)


def certified_claims(
    certificates: Iterable[Certificate], runs: Iterable[StoredRun]
) -> Mapping[ClaimKey, str]:
    """Say of each certified claim what was checked, and by which version.

    Certificates of another recipe, or of weights that are no longer the model's, count for nothing.

    Args:
        certificates: Of a suite.
        runs: Of the same suite.
    """
    known = {(run.model, run.recipe, train_id) for run in runs for train_id in ("", run.train_id)}
    checks: dict[ClaimKey, dict[str, list[str]]] = {}
    for certificate in certificates:
        if (certificate.model, certificate.recipe, certificate.train_id) in known:
            by_version = checks.setdefault(certificate.claim, {})
            by_version.setdefault(certificate.genbench, []).append(certificate.check)
    return {claim: _sentence(by_version) for claim, by_version in checks.items()}


def _sentence(checks: Mapping[str, Sequence[str]]) -> str:
    parts = (f"genbench {version} ({'; '.join(names)})" for version, names in checks.items())
    return f"certified by {', and by '.join(parts)}"
