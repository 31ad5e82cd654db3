"""Locks of folders, so that one command at a time writes into each.

The lock is on a file ``.lock`` in the folder, which stays there and is no part of any result. It
ends with its process, however that ends. On a file system without locks the work is done all the
same.
"""

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from genbench.core.files import storing

LOCK = ".lock"
QUEUE = ".next"
"""The folder that one who waits for a lock holds."""
_OURS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class HeldError(Exception):
    """Another command holds the lock; ``holder`` says which."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def new_holder() -> str:
    """Name this command as the holder of locks: for people, and in a second line uniquely."""
    return f"{socket.gethostname()}, process {os.getpid()}\n{uuid.uuid4().hex}"


@contextmanager
def locked(folder: Path, holder: str = "", *, wait: bool = True) -> Iterator[str]:
    """Run a block while nobody else runs one for the same folder; make the folder.

    Args:
        folder: What is written into.
        holder: Who holds the lock, from :func:`new_holder`; nobody is named for a short block.
        wait: Wait until nobody else holds the lock.

    Yields:
        The last holder that was named; empty if there was none.

    Raises:
        HeldError: Somebody else holds it, and ``wait`` is false.
        StorageError: The folder cannot be written.
    """
    with storing(folder / LOCK):
        handle = _acquire(folder, wait=wait)
    try:
        with storing(folder / LOCK):
            before = _named(handle)
            if holder:
                os.ftruncate(handle, 0)
                os.pwrite(handle, holder.encode(), 0)
        yield before
    finally:
        os.close(handle)


@contextmanager
def queued(folder: Path) -> Iterator[bool]:
    """Run a block under the lock of a folder, unless somebody else already waits to do the same.

    Yields:
        Whether the lock is held. If not, who waits will see all that is stored by now.
    """
    with ExitStack() as place:
        if not _is_free(folder / QUEUE, place):
            yield False
            return
        with locked(folder):
            place.close()
            yield True


def _is_free(folder: Path, place: ExitStack) -> bool:
    try:
        place.enter_context(locked(folder, wait=False))
    except HeldError:
        return False
    return True


@contextmanager
def undisturbed(folder: Path) -> Iterator[None]:
    """Run a block that reads while nobody writes into the folder; nothing is written for it."""
    with ExitStack() as held:
        with suppress(OSError):
            handle = os.open(folder / LOCK, _READ)
            held.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield


def _acquire(folder: Path, *, wait: bool) -> int:
    """Return the handle of the locked file; once more if the folder was replaced meanwhile."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, _OURS, 0o644)
        try:
            with suppress(OSError):
                _lock(handle, wait=wait)
            if _is_file(handle, folder / LOCK):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise HeldError(_named(handle).partition("\n")[0] or "its name is not known yet") from error


def _named(handle: int) -> str:
    return os.pread(handle, 1000, 0).decode(errors="replace")


def _is_file(handle: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False
