"""The processors that this process may use, and scripts that worker processes import."""

import math
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

NO_MAIN_GUARD = 78
"""Exit code of a worker that found itself running the script that started it."""
_importing: list[str] = []


class Script(NamedTuple):
    """The program that was started: a file, or a module by name."""

    name: str
    is_module: bool


def cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use: it, and its container.

    Args:
        root: Folder that holds ``sys``.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([own, *_quotas(root / "sys/fs/cgroup")])


def _quotas(groups: Path) -> Iterator[int]:
    """Yield how many cores a container may keep busy, by control groups of version 2 and 1."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # without a limit it says "max", or nothing
            texts = [(groups / name).read_text(encoding="ascii") for name in names]
            quota, period = map(int, " ".join(texts).split())
            if quota > 0:
                yield math.ceil(quota / period)


def running_script() -> Script | None:
    """Return the script that this process runs; a notebook and an interactive session have none."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return Script(spec.name, is_module=True)
    return Script(os.path.abspath(file), is_module=False) if file else None


def import_script(script: Script) -> None:
    """Import, under another name, the script that started this worker, for what it registers."""
    run = runpy.run_module if script.is_module else runpy.run_path
    module = ModuleType("__mp_main__")
    _importing.append(script.name)
    try:
        vars(module).update(run(script.name, run_name=module.__name__))
    finally:
        _importing.pop()
    sys.modules["__main__"] = sys.modules[module.__name__] = module


def is_importing_script() -> bool:
    """Return whether this is a worker that is still importing its parent's script."""
    return bool(_importing)


def leave_if_importing_script() -> None:
    """Exit silently if a worker reaches the call that started it; the parent reports."""
    if is_importing_script():
        sys.exit(NO_MAIN_GUARD)
