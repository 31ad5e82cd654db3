"""Runs the studies of a suite: each is stored, and one that fails stops no other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genbench.core.errors import DataError, StorageError
from genbench.runs.provenance import pick_device
from genbench.studies import Setting
from genbench.studies.store import StudyFolder, StudySpec, perform


@dataclass(frozen=True)
class StudyRecord:
    """What became of one study; ``content`` is its ``study.json``."""

    spec: StudySpec
    status: str = "ok"
    reason: str = ""
    cached: bool = False
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def failed_checks(self) -> list[str]:
        """Names of the checks that do not hold."""
        return [check["name"] for check in self.content.get("checks", ()) if not check["passed"]]

    @property
    def sound(self) -> bool:
        """Whether the study ran and every check of it holds."""
        return self.status == "ok" and not self.failed_checks

    def told(self) -> str:
        """Say in a line what became of it."""
        name = f"study {self.spec.name}"
        if self.status != "ok":
            return f"{name}: {self.status}: {self.reason}"
        if wrong := self.failed_checks:
            n = len(self.content["checks"])
            return f"{name}: {len(wrong)} of {n} checks failed: {'; '.join(wrong)}"
        return f"{name}: {'nothing to do, stored already' if self.cached else 'done'}"

    def summary(self) -> dict[str, Any]:
        """Return what ``suite.json`` says of it."""
        return {
            "name": self.spec.name,
            "study": self.spec.study,
            "title": self.spec.registered.title,
            "version": self.spec.registered.version,
            "status": self.status,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Desk:
    """Where the studies of one suite are done and stored."""

    results: Path
    suite: str
    device: str = "auto"
    data_dir: Path | None = None
    fresh: bool = False

    def folder(self, spec: StudySpec) -> StudyFolder:
        """Return where the study is stored."""
        return StudyFolder(self.results, self.suite, spec.name)

    def stored(self, spec: StudySpec) -> StudyRecord | None:
        """Return the record of a study that is stored as it is asked for, or None."""
        content = self.folder(spec).stored(spec)
        return StudyRecord(spec, cached=True, content=content) if content else None

    def do(self, spec: StudySpec, say: Callable[[str], None] = lambda _: None) -> StudyRecord:
        """Run a study unless it is stored; ``say`` hears one line about it."""
        record = (None if self.fresh else self.stored(spec)) or self._perform(spec)
        say(record.told())
        return record

    def _perform(self, spec: StudySpec) -> StudyRecord:
        """Run a study; an unexpected error fails this study and no other."""
        setting = Setting(spec.stream, pick_device(self.device), self.data_dir)
        try:
            return StudyRecord(spec, content=perform(spec, setting, self.folder(spec)))
        except (DataError, StorageError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  a study of the user's own can raise anything
            reason = (str(error) or type(error).__name__).splitlines()[0]
            return StudyRecord(spec, "failed", f"{type(error).__name__}: {reason}")
