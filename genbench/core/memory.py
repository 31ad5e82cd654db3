"""How much memory this process can still get, and refusal of what can never fit."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from genbench.core.errors import ConfigError, GenbenchError

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_UNKNOWN = 2**40
"""Assumed where the system does not say."""
_FILES = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current", "file"),
    "memory": (
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_cache",
    ),
}
"""Of control groups of version 2 and 1: folder, files of limit and usage, and the cache's key."""


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can still get, swap included, in bytes.

    The least of what the machine has left and what the process's control groups allow.

    Args:
        root: Folder that holds ``proc`` and ``sys``.
    """
    return min([_machine_bytes(root), *_group_bytes(root)])


def require_memory(
    n_bytes: int,
    what: str,
    fix: str = "",
    error: type[GenbenchError] = ConfigError,
    *,
    gpu_bytes: int | None = None,
) -> None:
    """Refuse what can never fit, before any of it is allocated.

    Args:
        n_bytes: Memory that is needed at the same time.
        what: What needs it, with the key or the file.
        fix: What to do about it.
        error: What is raised.
        gpu_bytes: What is free in a GPU's own memory, if it is needed there.

    Raises:
        GenbenchError: More is needed than there is; of the class ``error``.
    """
    available, memory = (
        (available_bytes(), "memory") if gpu_bytes is None else (gpu_bytes, "GPU memory")
    )
    if n_bytes > available:
        end = f"; {fix}" if fix else ""
        raise error(
            f"{what} would need {sized(n_bytes)} of {memory}, {sized(available)} are available{end}"
        )


def return_freed_memory() -> None:
    """Hand memory that was freed back to the system, where the C library can; else do nothing.

    The GNU library otherwise keeps most of it, and what a process holds only grows.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def sized(n_bytes: int) -> str:
    """Write a number of bytes with three digits, however large it is.

    Example:
        >>> sized(999), sized(24_700_000_000), sized(10**30)
        ('999 bytes', '24.7 GB', 'over 1000 YB')
    """
    power = 0
    while n_bytes >= 1000 ** (power + 1):
        power += 1
        if power == len(_UNITS):
            return f"over 1000 {_UNITS[-1]}"
    if power == 0:
        return f"{n_bytes} {_UNITS[0]}"
    value = n_bytes / 1000**power
    return f"{value:.0f} {_UNITS[power]}" if value >= 100 else f"{value:.3g} {_UNITS[power]}"


def _machine_bytes(root: Path) -> int:
    lines = _text(root / "proc/meminfo").splitlines()
    kilobytes = {key: value.split()[0] for key, _, value in (s.partition(":") for s in lines)}
    if "MemAvailable" in kilobytes:
        return 1024 * (int(kilobytes["MemAvailable"]) + int(kilobytes.get("SwapFree", 0)))
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN


def _group_bytes(root: Path) -> Iterator[int]:
    """Yield what is left below the limit of each control group; its file cache can be freed."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in _FILES.keys() & set(controllers.split(",")):
            base, limit, usage, cache = _FILES[controller]
            group = Path(path.lstrip("/"))
            for folder in (root / base / part for part in (group, *group.parents)):
                allowed, used = _text(folder / limit).strip(), _text(folder / usage).strip()
                if allowed.isdigit() and used.isdigit():
                    freed = _statistics(folder).get(cache, 0)
                    yield max(0, int(allowed) - int(used) + freed)


def _statistics(folder: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(folder / "memory.stat").splitlines())
    return {key: int(value) for key, value in pairs}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
