"""What each command does: calls the library and prints the result. Heavy imports wait inside."""

from genbench.commands.calibrating import selftest
from genbench.commands.judging import check, compare
from genbench.commands.knowing import data_fetch, data_verify, doctor, list_known
from genbench.commands.suites import report, run
from genbench.commands.timing import bench

__all__ = [
    "bench",
    "check",
    "compare",
    "data_fetch",
    "data_verify",
    "doctor",
    "list_known",
    "report",
    "run",
    "selftest",
]
