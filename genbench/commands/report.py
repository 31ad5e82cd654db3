"""``report``: tables, figures and a page from stored results."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.commands.shared import Commands, add_command, add_folders, add_verbose, out
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode

if TYPE_CHECKING:
    from genbench.results.suite import StoredSuite


def add_parser(commands: Commands) -> None:
    """Add ``report``."""
    parser = add_command(commands, "report", "tables, figures and a page from stored results")
    parser.add_argument("--suite", default="digits", help="a suite that was run; digits by default")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="write nothing; say whether the report is the one of these results",
    )
    add_verbose(parser)
    add_folders(parser, "results", "reports")
    parser.set_defaults(body=report)


def report(arguments: Namespace) -> int:
    """Write the report of a suite and print its summary; without torch."""
    from genbench.reporting import build_report, terminal_summary
    from genbench.results.suite import StoredSuite

    suite = StoredSuite.open(arguments.results, arguments.suite)
    if arguments.verify:
        return verify(suite, arguments.reports)
    summary = terminal_summary(suite, terminal(), verbose=arguments.verbose)
    page = build_report(suite, arguments.reports)
    out(summary)
    out(f"\nreport: {page}")
    return ExitCode.OK


def verify(suite: "StoredSuite", reports: Path) -> int:
    """Say whether a report is whole and shows these results; exit 5 if not."""
    from genbench.reporting.report_folder import ReportFolder

    folder = ReportFolder.of(suite, reports)
    n = folder.require_of(suite)
    out(f"{folder.path}: {n} files, as they were made from {suite.folder}")
    return ExitCode.OK
