"""The file of expected numbers: sorted JSON, one number per line, with a digest of its content."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field, ValidationError, model_validator

from genbench.core.errors import ExitCode, GenbenchError, StorageError
from genbench.core.files import sha256_json
from genbench.core.options import Options
from genbench.core.reading import MIB, read_bytes
from genbench.gate.entries import Entry, Key

SCHEMA = 1
LARGEST = 64 * MIB
"""Bytes of a baseline; those that are shipped have some 50 kB."""


class BaselineError(GenbenchError):
    """The baseline is missing, damaged, or not comparable with the results."""

    exit_code = ExitCode.BASELINE


class Provenance(Options):
    """Where a baseline's numbers came from; only the fingerprint is compared.

    Attributes:
        fingerprint: Digest of the machines' records (device, threads, system, versions); empty
            if the numbers came from a table without them.
        finished: When the last of the runs ended.
    """

    command: str = ""
    fingerprint: str = ""
    devices: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    finished: str = ""


class Baseline(Options):
    """Expected numbers of one suite."""

    suite: str
    provenance: Provenance = Provenance()
    metrics: tuple[Entry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> "Baseline":
        seen = set[Key]()
        for entry in self.metrics:
            if entry.key in seen:
                raise ValueError(f"{' '.join(entry.key)} is listed twice")
            seen.add(entry.key)
        return self

    def text(self) -> str:
        """Return the file's content.

        Example:
            >>> print(Baseline.model_construct(suite="s", metrics=()).text().count("sha256"))
            1
        """
        content = _content(self)
        head = {key: value for key, value in content.items() if key != "metrics"}
        lines = [f"  {_json(key)}: {_json(value)}" for key, value in sorted(head.items())]
        numbers = ",\n".join(f"    {_json(line)}" for line in content["metrics"])
        lines.append(f'  "metrics": [\n{numbers}\n  ]')
        lines.append(f'  "sha256": "{sha256_json(content)}"')
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _content(baseline: Baseline) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "suite": baseline.suite,
        "provenance": baseline.provenance.model_dump(mode="json"),
        "metrics": [
            e.model_dump(mode="json") for e in sorted(baseline.metrics, key=lambda e: e.key)
        ],
    }


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def read_baseline(path: Path) -> Baseline:
    """Read and check a baseline.

    Raises:
        BaselineError: The file is missing, is not a baseline, was cut short or edited by hand, or
            was written by a newer genbench.
    """
    content = _parsed(path)
    digest, schema = content.pop("sha256", None), content.get("schema")
    if not isinstance(digest, str) or type(schema) is not int:
        raise BaselineError(f"{path} is not a genbench baseline: it has no schema and sha256")
    if schema > SCHEMA:
        raise BaselineError(
            f"{path} has schema {schema}, but this genbench reads {SCHEMA}: use a newer genbench"
        )
    if digest != sha256_json(content):
        raise BaselineError(
            f"{path} was edited by hand or is damaged: its content does not match its SHA-256; "
            "restore it, or delete it and run `check --update`"
        )
    try:
        return Baseline.model_validate({k: v for k, v in content.items() if k != "schema"})
    except ValidationError as error:
        raise BaselineError(f"{path} is damaged: {_first(error)}") from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = read_bytes(Path(os.path.realpath(path)), LARGEST)
        content = json.loads(text.decode(), parse_constant=_no_number)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise BaselineError(
                f"no baseline {path}; "
                f"write it with `python -m genbench check --update --baseline {path} --suite NAME`"
            ) from error
        raise BaselineError(f"baseline: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path} is damaged: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise BaselineError(f"{path} is not a genbench baseline: it is not a JSON object")
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it contains {name}, which is not valid JSON")


def _first(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    where: Sequence[Any] = first["loc"]
    return f"{'.'.join(str(part) for part in where)}: {first['msg']}"
