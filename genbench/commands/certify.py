"""``certify``: is this likelihood a likelihood?"""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_format,
    add_plugins,
    add_verbose,
    names,
    note,
    out,
    path,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from genbench.certify.verdict import Verdict


def add_parser(commands: Commands) -> None:
    """Add ``certify``."""
    text = "check that claimed likelihoods are likelihoods, without knowing the true one"
    parser = add_command(commands, "certify", text)
    add = parser.add_argument
    add("--models", type=names, metavar="A,B", help="recipes, or models of --suite; default: all")
    add("--suite", help="a stored suite, whose certified claims are marked from then on")
    where = "your own images, if the suite was run on some: results do not say where they lie"
    add("--data", type=path, metavar="PATH", help=where)
    add(
        "--level",
        choices=["worlds", "convergence", "compression", "all"],
        default="all",
        help="sums over small worlds, more draws, decoded files (with --suite), or all",
    )
    add_format(parser, "junit")
    add_verbose(parser)
    add_plugins(parser)
    add_folders(parser, "data-dir", "results")
    add("--gallery", action="store_true", help="show twelve published bugs and what unmasks each")
    add("--reports", type=path, metavar="DIR", help="with --gallery: write a page there")
    parser.set_defaults(body=certify)


def certify(arguments: Namespace) -> int:
    """Check what claims to be a likelihood; exit 4 if a check fails, 2 if there is none to make."""
    from genbench.certify.claims import no_likelihoods
    from genbench.certify.formats import FORMATS, as_text, headline

    if arguments.gallery:
        return _gallery(arguments)
    verdicts = _verdicts(arguments)
    if arguments.format == "text":
        left_out = f"no likelihoods, so not summed: {', '.join(no_likelihoods())}"
        out(f"{terminal().paragraph(left_out, indent=2)}\n")
        out(as_text(verdicts, terminal(), verbose=arguments.verbose))
    else:
        out(FORMATS[arguments.format](verdicts))
    if verdicts and all(verdict.passed for verdict in verdicts):
        return ExitCode.OK
    note(f"genbench: {headline(verdicts)}")
    return ExitCode.RUNS_FAILED if verdicts else ExitCode.USAGE


def _verdicts(arguments: Namespace) -> Sequence["Verdict"]:
    from genbench.certify.recipes import certify_recipes
    from genbench.core.plugins import load_plugins
    from genbench.recipes import recipes

    if arguments.suite is not None:
        return _of_suite(arguments)
    if arguments.data is not None:
        raise ConfigError("--data is where the images of a suite lie: name one by --suite")
    if arguments.level == "compression":
        raise ConfigError("level compression codes the test images of a suite: name one by --suite")
    load_plugins(arguments.plugins or ())
    return certify_recipes(arguments.models or list(recipes), arguments.level)


def _of_suite(arguments: Namespace) -> Sequence["Verdict"]:
    from genbench.certify.suites import certify_suite
    from genbench.results.suite import StoredSuite

    return certify_suite(
        StoredSuite.open(arguments.results, arguments.suite),
        arguments.models or (),
        arguments.level,
        data_dir=arguments.data_dir,
        own_data=arguments.data,
        plugins=arguments.plugins or (),
        tell=note,
    )


def _gallery(arguments: Namespace) -> int:
    from genbench.certify.gallery.exhibits import exhibits
    from genbench.certify.gallery.show import as_json, as_text, write_page

    if arguments.format == "junit":
        raise ConfigError("format junit: the gallery has text and json")
    shown = exhibits()
    out(as_json(shown) if arguments.format == "json" else as_text(shown, terminal()))
    if arguments.reports:
        note(f"page: {write_page(shown, arguments.reports)}")
    return ExitCode.OK if all(each.is_caught for each in shown) else ExitCode.RUNS_FAILED
