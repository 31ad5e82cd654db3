"""Where, when and with which versions a run was done; not part of its identity."""

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from genbench.core.devices import device_name, evaluation_device
from genbench.core.devices import pick_device as pick_device
from genbench.core.plugins import loaded_files
from genbench.version import __version__

PACKAGES = ("numpy", "pandas", "pydantic", "safetensors", "scikit-learn", "scipy", "torch")


def versions() -> dict[str, str]:
    """Return the versions of genbench, Python and the packages that numbers depend on."""
    known = {"genbench": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            known[package] = version(package)
    return known


def provenance(device: torch.device, **measured: Any) -> dict[str, Any]:
    """Return machine, versions and time, with measurements of the run."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device_name(device),
        **_evaluated_on(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "machine": platform.machine(),
        "versions": versions(),
        **_plugins(),
        **measured,
    }


def _evaluated_on(device: torch.device) -> dict[str, str]:
    """Name where numbers are computed, if not on the device that trains."""
    home = evaluation_device(device)
    return {} if home == device else {"evaluated_on": f"{device_name(home)}, in float64"}


def _plugins() -> dict[str, Any]:
    """Return the SHA-256 of each plugin file that was loaded, by name."""
    files = {path.name: digest for path, digest in loaded_files().items()}
    return {"plugins": files} if files else {}
