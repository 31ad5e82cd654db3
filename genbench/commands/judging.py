"""``compare`` and ``check``: stored numbers against others, without torch."""

import json
from argparse import Namespace

from genbench.commands.printing import note, out, table
from genbench.core.errors import ExitCode


def compare(arguments: Namespace) -> int:
    """``compare``: two results number by number, without torch."""
    from genbench import comparison

    names = (arguments.first, arguments.second)
    sides = [comparison.resolve(name, arguments.results, arguments.suite) for name in names]
    found = comparison.compare(*sides)
    if arguments.format == "json":
        out(json.dumps(comparison.as_json(found), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        out(comparison.as_text(found, table))
    if arguments.output:
        comparison.write_comparison(found, arguments.output)
        note(f"written: {arguments.output}")
    return ExitCode.OK


def check(arguments: Namespace) -> int:
    """``check``: stored numbers against a baseline; exit 1 if one is worse; without torch."""
    from genbench import gate

    margins = gate.parse_margins(arguments.margins)
    if arguments.update:
        return _update_baseline(arguments, margins)
    if arguments.calibrate:
        return _calibrate_gate(arguments, margins)
    outcome = gate.check(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        baseline_results=arguments.baseline_results,
        margins=margins,
        strict=arguments.strict,
    )
    out(gate.FORMATS[arguments.format](outcome))
    if arguments.format == "github":
        gate.append_summary(outcome)
    if outcome.exit_code:
        note(f"genbench: {gate.headline(outcome)}")
    return outcome.exit_code


def _update_baseline(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench import gate

    done = gate.update(arguments.baseline, arguments.results, arguments.suite, margins=margins)
    out(f"{arguments.baseline}: {done.text}")
    for line in done.narrow:
        note(f"spread over more than half its margin (--margin widens it): {line}")
    return ExitCode.OK


def _calibrate_gate(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench.gate import calibration, json_junit, texts

    n_seeds, trials, loss = arguments.seeds, arguments.trials, arguments.loss
    rates = calibration.measure(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        margins=margins,
        n_seeds=n_seeds,
        trials=trials,
        loss=loss,
    )
    shown = json_junit.rates_json if arguments.format == "json" else texts.rates_text
    out(shown(rates, n_seeds, loss))
    return ExitCode.OK
