"""Downloads the files of a data set, or checks those that are there."""

from pathlib import Path

from genbench.data.download import TIMEOUT_S, download
from genbench.data.records import DataFile, DatasetSpec
from genbench.data.specs import datasets
from genbench.data.storage import Finding, data_home, inspect


def fetch(
    name: str, data_dir: Path | None = None, force: bool = False, timeout: float = TIMEOUT_S
) -> list[dict[str, str]]:
    """Download the files of a data set that are missing or damaged.

    Args:
        name: A name in the registry.
        data_dir: Data directory; see :func:`genbench.data.data_home` for the default.
        force: Download undamaged files again, too.
        timeout: Seconds to wait for the first byte and for each next one.

    Returns:
        One row per file: dataset, file, path, status (``ok``, ``fetched``, ``embedded``), sha256.

    Raises:
        ConfigError: The name is unknown.
        DataError: No source has the file.
        StorageError: The data directory cannot be written, or the disk is full.
    """
    spec, home = datasets[name], data_home(data_dir)
    rows = []
    for file in spec.files:
        finding, status = inspect(spec, file, home), "ok"
        if force or finding.status != "ok":
            finding, status = download(spec, file, home, timeout), "fetched"
        rows.append(_row(spec, file, finding, status))
    return rows or [_embedded(spec)]


def verify(name: str, data_dir: Path | None = None) -> list[dict[str, str]]:
    """Compare each file of a data set with its pinned digest; a mismatch is no error here.

    Returns:
        Rows as from :func:`fetch`, with the status ``ok``, ``missing``, ``damaged``, ``embedded``.

    Raises:
        ConfigError: The name is unknown.
    """
    spec, home = datasets[name], data_home(data_dir)
    rows = []
    for file in spec.files:
        finding = inspect(spec, file, home)
        rows.append(_row(spec, file, finding, finding.status))
    return rows or [_embedded(spec)]


def _row(spec: DatasetSpec, file: DataFile, finding: Finding, status: str) -> dict[str, str]:
    return {
        "dataset": spec.name,
        "file": file.name,
        "path": str(finding.path),
        "status": status,
        "sha256": finding.sha256,
    }


def _embedded(spec: DatasetSpec) -> dict[str, str]:
    return {
        "dataset": spec.name,
        "file": "",
        "path": spec.embedded_in,
        "status": "embedded",
        "sha256": spec.pixels_sha256,
    }
