"""Decodes files in another process, which is given models and files, and no data."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from genbench.certify.coding.code_file import LARGEST
from genbench.core.errors import RunsFailedError
from genbench.core.reading import parse_json, read_bytes
from genbench.core.texts import printable

Decoded = bytes | str
"""The grey levels of all images; or why there are none."""
_MODULE = "genbench.certify.coding.decode"
_PACKAGES = Path(__file__).resolve().parents[3]


def decode_apart(
    suite_folder: Path, paths: Sequence[Path], plugins: Sequence[Path] = ()
) -> Mapping[Path, Decoded]:
    """Return what another process decodes from files.

    Args:
        suite_folder: With the runs whose models the files were coded by.
        paths: Of the files.
        plugins: The Python files with recipes that are not genbench's.

    Raises:
        RunsFailedError: The process ended without an answer.
    """
    if not paths:
        return {}
    with TemporaryDirectory() as place:
        out = Path(place) / "images"
        named = [f"--plugin={file.resolve()}" for file in plugins]
        files = [str(path.resolve()) for path in paths]
        failures = _run([str(suite_folder.resolve()), str(out), *named, *files], place)
        return {
            path: failures.get(path.stem) or read_bytes(out / path.stem, LARGEST) for path in paths
        }


def _run(arguments: Sequence[str], empty: str) -> dict[str, str]:
    """Start the process in which the folder of the data sets is an empty one."""
    code_here = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    given = {"GENBENCH_DATA_DIR": empty, "PYTHONPATH": code_here, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", _MODULE, *arguments]
    ended = subprocess.run(command, env=os.environ | given, capture_output=True, check=False)
    if ended.returncode:
        last = printable(_last_line(ended.stderr).decode(errors="replace"))
        raise RunsFailedError(f"the process that decodes ended with {ended.returncode}: {last}")
    failures: dict[str, str] = parse_json(_last_line(ended.stdout), Path(_MODULE))
    return failures


def _last_line(output: bytes) -> bytes:
    """Return the last line of what a process wrote: a plugin may write others before."""
    return (output.strip().splitlines() or [b"it says nothing"])[-1]
