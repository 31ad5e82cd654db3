"""``check``: stored numbers against a baseline."""

from argparse import Namespace
from typing import Any

from genbench.commands.shared import Commands, add_command, add_folders, add_format, note, out, path
from genbench.commands.streams import terminal
from genbench.core.errors import ConfigError, ExitCode

_OF_CALIBRATION: dict[str, Any] = {"trials": 1000, "seeds": 5, "loss": 1.0}
"""Options that need ``--calibrate``, with their defaults."""


def add_parser(commands: Commands) -> None:
    """Add ``check``."""
    parser = add_command(commands, "check", "fail if stored numbers are worse than a baseline")
    add = parser.add_argument
    add("--baseline", type=path, required=True, metavar="FILE", help="the baseline")
    add("--suite", help="a stored suite; by default the one of the baseline")
    add_folders(parser, "results")
    add(
        "--baseline-results",
        type=path,
        metavar="DIR",
        help="the results behind the baseline, for a comparison per datum",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--update", action="store_true", help="write the baseline")
    add_format(parser, "junit", "github")
    add("--strict", action="store_true", help="fail on inconclusive comparisons too")
    add(
        "--require",
        choices=["certified"],
        action="append",
        default=[],
        help="fail on likelihoods without a valid certificate of `certify --suite` too",
    )
    add(
        "--margin",
        dest="margins",
        action="append",
        default=[],
        metavar="[MODEL/]METRIC=NUMBER",
        help="allowed loss of a number, in its unit; stored with --update; repeatable",
    )
    instead.add_argument(
        "--calibrate",
        action="store_true",
        help="measure the gate's error rates on the results of many seeds",
    )
    add("--trials", type=int, metavar="N", help="trials of --calibrate; 1000 by default")
    add(
        "--seeds",
        type=int,
        metavar="N",
        help="seeds on each side in --calibrate; 5 by default",
    )
    add("--loss", type=float, help="nats of ELBO lost in --calibrate; 1 by default")
    parser.set_defaults(body=check)


def check(arguments: Namespace) -> int:
    """Compare stored numbers with a baseline; exit 1 if one is worse; no torch needed."""
    from genbench import gate

    margins = gate.parse_margins(arguments.margins)
    if not arguments.calibrate and (unused := _calibration_options(arguments)):
        raise ConfigError(f"--{next(iter(unused))}: needs --calibrate")
    if arguments.update:
        return _update(arguments, margins)
    if arguments.calibrate:
        return _calibrate(arguments, margins)
    outcome = gate.check(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        baseline_results=arguments.baseline_results,
        margins=margins,
        strict=arguments.strict,
        require=arguments.require,
    )
    as_text = arguments.format == "text"
    out(gate.text(outcome, terminal()) if as_text else gate.FORMATS[arguments.format](outcome))
    if arguments.format == "github":
        gate.append_summary(outcome)
    if outcome.exit_code:
        note(f"genbench: {gate.headline(outcome)}")
    return outcome.exit_code


def _update(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench import gate

    updated = gate.update(arguments.baseline, arguments.results, arguments.suite, margins=margins)
    out(f"{arguments.baseline}: {updated.text}")
    for line in updated.narrow:
        note(f"spread exceeds half the margin (widen it with --margin): {line}")
    return ExitCode.OK


def _calibration_options(arguments: Namespace) -> dict[str, Any]:
    stated = ((name, getattr(arguments, name)) for name in _OF_CALIBRATION)
    return {name: value for name, value in stated if value is not None}


def _calibrate(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench.gate import calibration, formats, texts

    chosen = _OF_CALIBRATION | _calibration_options(arguments)
    n_seeds, loss = chosen["seeds"], chosen["loss"]
    rates = calibration.measure(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        margins=margins,
        n_seeds=n_seeds,
        trials=chosen["trials"],
        loss=loss,
    )
    if arguments.format == "json":
        out(formats.rates_json(rates, n_seeds, loss))
    else:
        out(texts.rates_text(rates, n_seeds, loss, terminal()))
    return ExitCode.OK
