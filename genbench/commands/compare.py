"""``compare``: which of two stored results is better."""

from argparse import Namespace

from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_format,
    add_verbose,
    note,
    out,
    path,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.files import readable_json


def add_parser(commands: Commands) -> None:
    """Add ``compare``."""
    text = "which of two stored results is better, and how sure that is"
    parser = add_command(commands, "compare", text)
    what = "SUITE, FOLDER of a suite's results, either with :MODEL, or a model of --suite"
    parser.add_argument("first", metavar="A", help=what)
    parser.add_argument("second", metavar="B", help="the same")
    parser.add_argument("--suite", help="A and B are models of this suite")
    add_verbose(parser)
    add_format(parser)
    output = "write tables, numbers and the rank plot there"
    parser.add_argument("--output", type=path, metavar="DIR", help=output)
    add_folders(parser, "results")
    parser.set_defaults(body=compare)


def compare(arguments: Namespace) -> int:
    """Compare two results number by number; without torch."""
    from genbench import comparison

    names = (arguments.first, arguments.second)
    sides = [comparison.resolve(name, arguments.results, arguments.suite) for name in names]
    compared = comparison.compare(*sides)
    if arguments.format == "json":
        out(readable_json(comparison.as_json(compared)))
    else:
        out(comparison.as_text(compared, terminal(), verbose=arguments.verbose))
    if arguments.output:
        comparison.write_comparison(compared, arguments.output)
        note(f"written: {arguments.output}")
    return ExitCode.OK
