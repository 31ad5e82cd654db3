"""Runs and stores the studies of a suite; a failure does not stop the others."""

from dataclasses import dataclass, field
from typing import Any

from genbench.core.devices import evaluation_device, use_device
from genbench.core.errors import DataError, StorageError, first_line
from genbench.core.locks import HeldError, locked, new_holder
from genbench.core.progress import Say
from genbench.results.records import StudySummary
from genbench.runs.run_options import RunOptions
from genbench.studies import Setting
from genbench.studies.store import StudyFolder, StudySpec, perform


@dataclass(frozen=True)
class StudyRun:
    """A study that was run or read; ``content`` is its ``study.json``."""

    spec: StudySpec
    status: str = "ok"
    reason: str = ""
    cached: bool = False
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def failed_checks(self) -> list[str]:
        """Names of the failed checks."""
        return [check["name"] for check in self.content.get("checks", ()) if not check["passed"]]

    @property
    def sound(self) -> bool:
        """Whether the study ran and all its checks hold."""
        return self.status == "ok" and not self.failed_checks

    def summary_line(self) -> str:
        """Return one line on how it ended."""
        name = f"study {self.spec.name}"
        if self.status != "ok":
            return f"{name}: {self.status}: {self.reason}"
        if failed := self.failed_checks:
            n = len(self.content["checks"])
            return f"{name}: {len(failed)} of {n} checks failed: {'; '.join(failed)}"
        return f"{name}: {'stored already' if self.cached else 'done'}"

    @property
    def summary(self) -> StudySummary:
        """Its entry in ``suite.json``."""
        study, registered = self.spec.study, self.spec.registered
        return StudySummary(
            name=self.spec.name,
            study=study,
            title=registered.title,
            version=registered.version,
            status=self.status,
            reason=self.reason,
        )


@dataclass(frozen=True)
class StudyRunner:
    """Runs the studies of one suite and stores them."""

    suite: str
    options: RunOptions
    command: str = field(default_factory=new_holder)

    def folder(self, spec: StudySpec) -> StudyFolder:
        """Return where the study is stored."""
        return StudyFolder(self.options.results, self.suite, spec.name)

    def stored(self, spec: StudySpec) -> StudyRun | None:
        """Return a study if it is stored with the same options and version, else None."""
        content = self.folder(spec).stored(spec)
        return StudyRun(spec, cached=True, content=content) if content else None

    def run(self, spec: StudySpec, say: Say = lambda _: None) -> StudyRun:
        """Run a study unless it is stored; ``say`` is called with a line about one that is done."""
        study_run = self._known(spec) or self._done(spec, say)
        if not study_run.cached:
            say(study_run.summary_line())
        return study_run

    def _known(self, spec: StudySpec) -> StudyRun | None:
        """Return a study that need not be run."""
        return None if self.options.fresh else self.stored(spec)

    def _done(self, spec: StudySpec, say: Say, *, wait: bool = False) -> StudyRun:
        """Run a study; if another command does so, wait for it."""
        folder = self.folder(spec)
        folder.make_place()
        try:
            with locked(folder.path, self.command, wait=wait):
                folder.clear_foreign()
                return self._known(spec) or self._perform(spec)
        except HeldError as error:
            say(f"study {spec.name}: another command runs it ({error.holder}); waiting for it")
        return self._done(spec, say, wait=True)

    def _perform(self, spec: StudySpec) -> StudyRun:
        """Run a study; an unexpected error fails only this study."""
        device = evaluation_device(use_device(self.options.own_device))
        setting = Setting(spec.stream, device, self.options.data_dir)
        try:
            return StudyRun(spec, content=perform(spec, setting, self.folder(spec)))
        except (DataError, StorageError):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  a user's own can raise anything
            return StudyRun(spec, "failed", f"{type(error).__name__}: {first_line(error)}")
