"""Where, when and with which versions a run was done; not part of its identity."""

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from genbench.core.errors import ConfigError
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
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "machine": platform.machine(),
        "versions": versions(),
        **_plugins(),
        **measured,
    }


def _plugins() -> dict[str, Any]:
    """Return the SHA-256 of each plugin file that was loaded, by name."""
    files = {path.name: digest for path, digest in loaded_files().items()}
    return {"plugins": files} if files else {}


def device_name(device: torch.device) -> str:
    """Name the hardware for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def pick_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: The device is unknown or cannot be used here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise ConfigError(f"device: unknown device '{name}'; known: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device: 'cuda' was requested, but torch finds no usable GPU; "
            "use --device cpu, or see `python -m genbench doctor`"
        )
    return torch.device(name)
