"""``report``: tables, figures and a page from stored results."""

from argparse import Namespace

from genbench.commands.shared import Commands, add_command, add_folders, add_verbose, out
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode


def add_parser(commands: Commands) -> None:
    """Add ``report``."""
    parser = add_command(commands, "report", "tables, figures and a page from stored results")
    parser.add_argument("--suite", default="digits", help="a suite that was run; digits by default")
    add_verbose(parser)
    add_folders(parser, "results", "reports")
    parser.set_defaults(body=report)


def report(arguments: Namespace) -> int:
    """Write the report of a suite and print its summary; without torch."""
    from genbench.reporting import build_report, terminal_summary
    from genbench.results.suite import StoredSuite

    suite = StoredSuite.open(arguments.results, arguments.suite)
    summary = terminal_summary(suite, terminal(), verbose=arguments.verbose)
    page = build_report(suite, arguments.reports)
    out(summary)
    out(f"\nreport: {page}")
    return ExitCode.OK
