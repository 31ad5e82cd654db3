"""What NVIDIA's driver says of its GPUs. Imports no torch."""

import shutil
import subprocess
from collections.abc import Sequence

SMI_SECONDS = 10.0


def driver_version(uuid: str = "") -> str | None:
    """Return the version of the driver, or None if there is none or it does not tell."""
    return next(iter(ask_driver(["driver_version"], uuid)), None)


def ask_driver(names: Sequence[str], uuid: str = "") -> list[str]:
    """Return what ``nvidia-smi`` says of one GPU, the first without a UUID; nothing if it fails."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, f"--query-gpu={','.join(names)}", "--format=csv,noheader,nounits"]
    which = ["-i", f"GPU-{uuid.removeprefix('GPU-')}"] if uuid else []
    try:
        answer = subprocess.run(
            [*query, *which], capture_output=True, text=True, timeout=SMI_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    values = [value.strip() for value in answer.stdout.partition("\n")[0].split(",")]
    return values if any(values) else []
