"""Downloads the files of a data set, or verifies the files on disk.

A download stays in memory, bounded in size and time, and is written only once its digest matches
the pinned one.
"""

import time
from pathlib import Path
from urllib.parse import urljoin

from genbench.core.errors import DataError
from genbench.core.files import require_writable, write_atomic
from genbench.data.specs import DataFile, DatasetSpec, datasets
from genbench.data.storage import Finding, data_command, data_home, examine, inspect, places
from genbench.data.transfer import TransferError, get

TIMEOUT_S = 10.0
_ROUNDS = 2
_MAX_SILENT = 2  # after this many silent addresses the network counts as down
_PAUSE_S = 0.2  # before the second round


def fetch(name: str, data_dir: Path | None = None, force: bool = False) -> list[dict[str, str]]:
    """Download the files of a data set that are missing or damaged.

    Args:
        name: A name in the registry.
        data_dir: Data directory; see :func:`genbench.data.data_home` for the default.
        force: Download undamaged files again as well.

    Returns:
        One row per file: dataset, file, path, status (``ok``, ``fetched``, ``embedded``), sha256.

    Raises:
        ConfigError: The name is unknown.
        DataError: No mirror has the file.
        StorageError: The data directory cannot be written, or the disk is full.
    """
    spec, home = datasets[name], data_home(data_dir)
    rows = []
    for file in spec.files:
        finding, status = inspect(spec, file, home), "ok"
        if force or finding.status != "ok":
            finding, status = download(spec, file, home), "fetched"
        rows.append(_row(spec, file.name, finding.path, status, finding.sha256))
    return rows or [_embedded(spec)]


def verify(name: str, data_dir: Path | None = None) -> list[dict[str, str]]:
    """Compare each file of a data set with its pinned digest; a mismatch is reported, not raised.

    Returns:
        Rows as from :func:`fetch`, with the status ``ok``, ``missing``, ``damaged``, ``embedded``.

    Raises:
        ConfigError: The name is unknown.
    """
    spec, home = datasets[name], data_home(data_dir)
    rows = []
    for file in spec.files:
        finding = inspect(spec, file, home)
        rows.append(_row(spec, file.name, finding.path, finding.status, finding.sha256))
    return rows or [_embedded(spec)]


def _row(
    spec: DatasetSpec, file: str, path: Path | str, status: str, sha256: str
) -> dict[str, str]:
    row = {"dataset": spec.name, "file": file, "path": str(path)}
    return row | {"status": status, "sha256": sha256}


def _embedded(spec: DatasetSpec) -> dict[str, str]:
    return _row(spec, "", spec.embedded_in, "embedded", spec.pixels_sha256)


def download(
    spec: DatasetSpec, file: DataFile, data_dir: Path, timeout: float = TIMEOUT_S
) -> Finding:
    """Download one file from the first mirror that has it whole, and store it.

    Each mirror is tried once, and again if the first failure may be temporary. A progress bar is
    shown if stderr is a terminal.

    Raises:
        DataError: No mirror has it.
        StorageError: It cannot be stored.
    """
    path = places(spec, file, data_dir)[0]
    require_writable(path.parent)
    failures: dict[str, TransferError] = {}
    pending = [urljoin(mirror, file.name) for mirror in spec.mirrors]
    for round_number in range(_ROUNDS):
        if round_number and pending:
            time.sleep(_PAUSE_S)
        for url in pending:
            try:
                payload, finding = _attempt(url, file, path, timeout)
            except TransferError as failure:
                failures[url] = failure
            else:
                write_atomic(path, payload)
                return finding
        pending = _worth_retrying(pending, failures)
    raise DataError(_not_downloaded(file, path, spec, data_dir, failures))


def content_of(spec: DatasetSpec, file: DataFile, data_dir: Path) -> bytes:
    """Return the unpacked content of a file, checked against its digest; download it if missing.

    Raises:
        DataError: The file is damaged, or missing and cannot be downloaded; names the file, both
            digests and the command to repair it.
        StorageError: A download cannot be stored.
    """
    finding = inspect(spec, file, data_dir)
    if finding.status == "missing":
        finding = download(spec, file, data_dir)
    if finding.status == "ok":
        return finding.content
    raise DataError(
        f"{finding.path} is {finding.status}\n"
        f"  {finding.problem}\n"
        f"repair it with: {data_command('fetch', spec.name, data_dir)}"
    )


def _worth_retrying(urls: list[str], failures: dict[str, TransferError]) -> list[str]:
    is_network_up = sum(failure.silent for failure in failures.values()) < _MAX_SILENT
    return [
        url
        for url in urls
        if failures[url].transient and (is_network_up or not failures[url].silent)
    ]


def _attempt(url: str, file: DataFile, path: Path, timeout: float) -> tuple[bytes, Finding]:
    from tqdm import tqdm

    label = f"{path.parent.name}/{file.name}"
    with tqdm(total=file.n_bytes, unit="B", unit_scale=True, desc=label, disable=None) as bar:
        payload = get(url, file.max_bytes, timeout, bar.update)
    finding = examine(file, payload, path)
    if finding.status != "ok":
        raise TransferError(f"{len(payload)} bytes, {finding.problem}", transient=True)
    return payload, finding


def _not_downloaded(
    file: DataFile,
    path: Path,
    spec: DatasetSpec,
    data_dir: Path,
    failures: dict[str, TransferError],
) -> str:
    reasons = [f"  {url}: {failure}" for url, failure in failures.items()][:5]
    return "\n".join(
        [
            f"cannot download {file.name} of '{spec.name}' (sha256 {file.sha256})",
            *(reasons or ["  no mirror is registered"]),
            f"put the file at {path}, or point --data-dir or GENBENCH_DATA_DIR at a folder that "
            f"contains {spec.name}/{file.name}",
            f"check it with: {data_command('verify', spec.name, data_dir)}",
        ]
    )
