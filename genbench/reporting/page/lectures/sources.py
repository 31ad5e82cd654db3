"""The suites and studies that the page draws on, each read once; None for what was not run yet."""

from functools import cache

from genbench.core import numbers
from genbench.reporting.made_by import made_by
from genbench.reporting.page.lectures.topics import LectureRow
from genbench.results.sealed_folder import SealedFolder
from genbench.results.studies import StoredStudy, read_study
from genbench.results.suite import StoredSuite, study_file


class Sources:
    """Reads each study and suite once; damage is an error."""

    def __init__(self, suite: StoredSuite) -> None:
        self.name, self.made_by = suite.name, made_by(suite.record)
        self._results = suite.folder.parent
        self.study = cache(self._study)
        self.suite = cache(suite.member)

    def _study(self, name: str) -> StoredStudy | None:
        folder = study_file(self._results, *self._home(name)).parent
        return read_study(folder) if SealedFolder(folder).is_sealed else None

    def suite_command(self, name: str) -> str:
        """The command that makes a suite's results."""
        return f"python -m genbench run --suite {name}"

    def study_command(self, name: str) -> str:
        """The command that makes one study's results."""
        suite, study = self._home(name)
        return f"python -m genbench run --suite {suite} --studies {study}"

    def _home(self, name: str) -> tuple[str, str]:
        """Split ``suite/study``; a study without a suite belongs to the page's own."""
        suite, _, study = name.rpartition("/")
        return suite or self.name, study

    def suite_seconds(self, name: str) -> str:
        """How long a suite took, where it is known."""
        suite = self.suite(name)
        return numbers.seconds(suite.seconds) if suite and suite.seconds else ""

    def study_seconds(self, name: str) -> str:
        """How long a study took, where it is known."""
        study = self.study(name)
        return numbers.seconds(study.record.seconds) if study and study.record.seconds else ""

    def lack(self, row: LectureRow) -> bool:
        """Whether something that computes a row was not run yet."""
        return None in (*map(self.study, row.studies), *map(self.suite, row.suites))

    def commands(self, row: LectureRow) -> list[str]:
        """The commands that compute a row."""
        of_suites, of_studies = map(self.suite_command, row.suites), row.studies
        return [*of_suites, *map(self.study_command, of_studies)]

    def held(self, row: LectureRow) -> str:
        """How many checks of a row's studies hold."""
        studies = [study for study in map(self.study, row.studies) if study]
        n = sum(len(study.record.checks) for study in studies)
        failed = sum(len(study.failed_checks) for study in studies)
        return f"{n - failed} of {n} hold" if n else ""
