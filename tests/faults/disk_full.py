"""A disk that is full after so many bytes, then the same command on one with room."""

import ctypes
import os
import resource
import shutil
import signal
from collections.abc import Callable

from tests.faults import preload
from tests.faults.kills import RUN, often
from tests.faults.state import different, half_done
from tests.faults.trial import Calm, Trial

MESSAGES = 4096
"""Bytes that a command may say of what went wrong, in a file with the same bound."""
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def try_one(trial: Trial) -> str | None:
    """Fill the disk at a random byte, in one of three ways."""
    calm = trial.calm(*RUN, first=often)
    way = (by_the_library, by_a_small_disk, by_a_bound_on_files)[trial.number % 3]
    return way(trial, calm)


def by_the_library(trial: Trial, calm: Calm) -> str | None:
    """Let the library refuse all bytes after a number of them, the last write in part."""
    room = trial.random.randint(0, sum(map(len, calm.files.values())))
    return _in_too_little(trial, calm, lambda: preload.arm(trial.results, room=room))


def by_a_bound_on_files(trial: Trial, calm: Calm) -> str | None:
    """Bound the size of each file, as a quota does."""
    room = trial.random.randint(MESSAGES, max(map(len, calm.files.values())))

    def bound() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    return _in_too_little(trial, calm, bound)


def by_a_small_disk(trial: Trial, calm: Calm) -> str | None:
    """Mount a small file system, seen by this process and its children only."""
    pages = trial.random.randint(4, 4 + sum(len(c) // 4096 + 2 for c in calm.files.values()))
    trial.results.mkdir()
    if not _mounted(trial.results, f"size={4 * pages}k"):
        return by_the_library(trial, calm)
    kept = trial.folder / "kept"

    failed = trial.run(*RUN, first=often)
    trial.tried += failed.code != 0
    if problem := failed.misbehaved(0, 5) or half_done(trial.results, calm.files):
        return f"a disk of {4 * pages} kB: {problem}"
    shutil.copytree(trial.results, kept)
    ctypes.CDLL(None).umount(os.fsencode(trial.results))
    shutil.copytree(kept, trial.results, dirs_exist_ok=True)
    return _mended(trial, calm, f"a disk of {4 * pages} kB: ")


def _mounted(folder, options: str) -> bool:
    """Mount a file system in memory, where this process may."""
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        return False
    where = os.fsencode(folder)
    return not libc.mount(b"tmpfs", where, b"tmpfs", 0, options.encode())


def _in_too_little(trial: Trial, calm: Calm, bound: Callable[[], None]) -> str | None:
    def first() -> None:
        often()
        bound()

    failed = trial.run(*RUN, first=first)
    trial.tried += failed.code != 0
    if problem := failed.misbehaved(0, 5) or half_done(trial.results, calm.files):
        return problem
    return _mended(trial, calm, "")


def _mended(trial: Trial, calm: Calm, what: str) -> str | None:
    again = trial.run(*RUN)
    problem = again.misbehaved(0) or different(trial.results, calm.files)
    return what + problem if problem else None
