"""The folder of a suite, ``results/<suite>/``: its table and its record, sealed together."""

from types import MappingProxyType

from genbench.core.errors import StorageError
from genbench.results.metrics_table import LARGEST_TABLE, TABLE
from genbench.results.records import LARGEST_RECORD, SUITE
from genbench.results.sealed_folder import SealedFolder
from genbench.results.unedited import ANEW

_FILES = (TABLE, SUITE)


class SuiteFolder(SealedFolder):
    """``metrics.csv`` and ``suite.json``, and the manifest over both; older results have none."""

    levels = 1
    largest = MappingProxyType({".csv": LARGEST_TABLE, ".json": LARGEST_RECORD})

    def require_contained(self) -> None:
        """Refuse a suite whose folder or files are links.

        Raises:
            StorageError: One is.
        """
        for name in _FILES:
            self / name

    def seal(self) -> None:
        """Write the manifest over the two files that are there."""
        self.seal_files(_FILES)

    @property
    def holds(self) -> bool:
        """Whether there is a seal over the two files alone, and both are those that were sealed."""
        return self.listed() == set(_FILES) and self.intact(*_FILES)

    def require_unchanged(self) -> None:
        """Compare both files with the seal, where there is one.

        Raises:
            StorageError: One is not the file that was written.
        """
        if not self.is_sealed:
            return
        self._manifest()  # of a damaged one its own error tells more
        for name in _FILES:
            if not self.intact(name):
                what = "was edited or is damaged, its SHA-256 is not the stored one"
                raise StorageError(f"{self / name} {what}; {ANEW}")
