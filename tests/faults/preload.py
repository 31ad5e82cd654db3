"""System calls that fail: compiles ``failing_calls.c``, and wakes it in a process that has it."""

import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("failing_calls.c")
CALLS = ("any", "open", "read", "write", "fsync", "rename", "unlink", "mkdir", "chmod", "truncate",
         "list", "lock")  # fmt: skip
"""In the order of the C file."""
ERRORS = {
    "open": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS),
    "read": (errno.EIO,),
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT),
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EIO, errno.EACCES, errno.ENOSPC),
    "unlink": (errno.EIO, errno.EACCES),
    "mkdir": (errno.ENOSPC, errno.EACCES),
    "chmod": (errno.EPERM, errno.EIO),
    "truncate": (errno.EIO, errno.ENOSPC),
    "list": (errno.EIO, errno.EACCES, errno.EMFILE),
    "lock": (errno.ENOLCK,),
}
"""What a call may fail with."""


def compiler() -> str | None:
    """Return the machine's C compiler."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process with the library, which is compiled into ``folder``."""
    library = folder / "failing_calls.so"
    options = ("-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl")
    subprocess.run([compiler(), *options], check=True)
    return os.environ | {"LD_PRELOAD": str(library)}


def arm(folder: Path, call="any", at=0, error=0, *, on=False, room=-1) -> None:
    """Make the ``at``-th call below ``folder`` fail; without ``error``, kill this process there.

    With ``on`` all later ones fail too. ``room`` bytes can be written, -1 for no bound.
    """
    library = ctypes.CDLL(None)
    whole, long = ctypes.c_int, ctypes.c_long
    library.faults_arm.argtypes = (ctypes.c_char_p, whole, long, whole, whole, long)
    where = os.fsencode(folder.resolve())
    library.faults_arm(where, CALLS.index(call), at, error, int(on), room)


def seen() -> dict[str, int]:
    """Return how many calls of each kind there were since :func:`arm`; none without the library."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "faults_seen"):
        return {}
    library.faults_seen.restype = ctypes.c_long
    return {call: library.faults_seen(number) for number, call in enumerate(CALLS)}
