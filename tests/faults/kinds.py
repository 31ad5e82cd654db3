"""The kinds of faults: what is tried, how often, and the function that tries it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.trial import Trial


@dataclass(frozen=True)
class Kind:
    """A kind of fault; its trials are ``try_one`` of the module of its name.

    Args:
        says: What is tried and what must hold, for the table.
        long: Trials in the long form.
        short: Trials among the tests.
        seconds: After so long a trial counts as hanging.
        preload: Whether it needs the library that makes system calls fail.
    """

    name: str
    says: str
    long: int
    short: int
    seconds: float = 300
    preload: bool = False

    @property
    def try_one(self) -> "Callable[[Trial], str | None]":
        """The function that makes one trial and returns what went wrong."""
        return import_module(f"tests.faults.{self.name}").try_one


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "kills",
            "kill -9 at a random system call or moment of a run; then the same command gives the"
            " same bytes",
            long=160,
            short=2,
            preload=True,
        ),
        Kind(
            "calls",
            "the n-th open, read, write, fsync, rename, unlink, mkdir, ... fails: exit 5, nothing"
            " half-written; then the same command gives the same bytes",
            long=280,
            short=4,
            preload=True,
        ),
        Kind(
            "disk_full",
            "the disk is full after a random number of bytes: exit 5, nothing half-written; then"
            " the same command gives the same bytes",
            long=60,
            short=3,
            preload=True,
        ),
        Kind(
            "signals",
            "SIGINT, SIGTERM or SIGHUP at a random moment: the right exit code within 2 s; then"
            " the same command gives the same bytes",
            long=60,
            short=2,
        ),
        Kind(
            "not_numbers",
            "NaN or infinity in a loss, gradient, weight, validation, metric or image: this model"
            " diverged or failed, the others as ever, no NaN in a file",
            long=70,
            short=7,
        ),
        Kind(
            "writers",
            "2 to 32 commands in one folder at the same time: all end well, each run is trained"
            " once, the same bytes",
            long=10,
            short=1,
        ),
        Kind(
            "workers",
            "kill -9 of the processes that execute runs: tried again, every run ends well, the"
            " same bytes",
            long=12,
            short=0,
            seconds=600,
        ),
        Kind(
            "parents",
            "kill -9 of a command with two workers: no worker lives 3 s later; then the same"
            " command gives the same bytes",
            long=10,
            short=0,
        ),
        Kind(
            "ray_nodes",
            "kill -9 of the processes of runs on a Ray cluster of two nodes: every run ends well,"
            " the same table",
            long=4,
            short=0,
            seconds=600,
        ),
        Kind(
            "damages",
            "damaged, hostile and resealed files of results, read by check, compare, report and"
            " run: exit 5 and a sentence, or the same answer; nothing outside changes",
            long=1000,
            short=10,
        ),
        Kind(
            "names",
            "hostile names of suites, models, metrics, data and files: nothing outside the results"
            " changes, and every answer is in order",
            long=400,
            short=6,
        ),
        Kind(
            "growth",
            "run after run in one process: memory, handles and threads do not grow",
            long=2,
            short=1,
            seconds=600,
        ),
        Kind(
            "identities",
            "processes with other hash seeds, locales and time zones: the same identities",
            long=10,
            short=1,
        ),
        Kind(
            "suites",
            "fuzzed suite files: exit 0, 2 or 3 in seconds, ten lines at most",
            long=5000,
            short=25,
        ),
        Kind(
            "argv",
            "random command lines: an exit code of the list, ten lines at most, nothing outside"
            " the folder changes",
            long=1000,
            short=8,
        ),
    )
}
