"""The folder of a report, ``reports/<suite>/``, sealed with the digests of the results it shows."""

from contextlib import suppress
from pathlib import Path

from genbench.core.errors import StorageError
from genbench.results.certified import CERTIFIED
from genbench.results.metrics_table import TABLE
from genbench.results.records import SUITE
from genbench.results.sealed_folder import MANIFEST, SealedFolder
from genbench.results.suite import StoredSuite
from genbench.results.suite_folder import SuiteFolder

PAGE = "index.html"
_AGAIN = "`python -m genbench report` makes the report anew"


class ReportFolder(SealedFolder):
    """The page of a suite, its tables and figures, and the manifest over them."""

    levels = 1

    @classmethod
    def of(cls, suite: StoredSuite, reports: Path) -> "ReportFolder":
        """Return the folder of a suite's report."""
        return cls(reports / suite.folder.name)

    def seal_with(self, suite: StoredSuite) -> None:
        """Write the manifest over all files, and over the results that they show."""
        super().seal()
        self.write(MANIFEST, self.read(MANIFEST) | {"results": _digests(suite)})

    def shows(self, suite: StoredSuite) -> bool:
        """Whether the report is whole, and shows what is stored now."""
        with suppress(StorageError):
            return self.require_of(suite) > 0
        return False

    def require_of(self, suite: StoredSuite) -> int:
        """Compare every file with the manifest, and that with the results; count the files.

        Raises:
            StorageError: There is no manifest, a file is not the one that was written, or the
                report shows other results.
        """
        listed = sorted(self.listed())
        if PAGE not in listed:
            raise StorageError(f"{self.path} has no {MANIFEST} of a report; {_AGAIN}")
        for name in listed:
            if not self.intact(name):
                raise StorageError(f"{self / name} is not the file that was written; {_AGAIN}")
        if self.read(MANIFEST).get("results") != _digests(suite):
            raise StorageError(f"{self.path} shows other results than {suite.folder}; {_AGAIN}")
        return len(listed)


def _digests(suite: StoredSuite) -> dict[str, str]:
    certified = [CERTIFIED] if (suite.folder / CERTIFIED).is_file() else []
    return SuiteFolder(suite.folder).digests(TABLE, SUITE, *certified)
