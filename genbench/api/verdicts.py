"""Verdicts as frames: two results side by side, and stored numbers against a baseline."""

from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from genbench import comparison, gate
from genbench.comparison import Line
from genbench.core.errors import ConfigError
from genbench.gate import BaselineError, GateOutcome, Requirement
from genbench.results.numbers_frame import NumbersFrame

_COMPARED = ("a", "b", "metric", "verdict", "difference", "stderr", "p", "low", "high", "n", "kind")
_CHECKED = ("model", "metric", "verdict", "baseline", "current", "difference", "margin", "p_value")
_VERDICTS = {
    "A": "a better",
    "B": "b better",
    "A's networks": "a's networks better",
    "B's networks": "b's networks better",
    "tie": "tie",
}
_MOST_LINES = 10


def compare(
    a: str, b: str, suite: str | None = None, results: str | Path = Path("results")
) -> NumbersFrame:
    """Compare two stored results number by number, paired by test image; needs no torch.

    Args:
        a: A suite, the folder of its results, either with ``:model``, or a model of ``suite``.
        b: The same.
        suite: If given, ``a`` and ``b`` are models of it.
        results: Folder of the results.

    Returns:
        A row per number that both have. ``verdict`` is ``a better``, ``b better`` or ``tie``, and
        ``a's networks better`` where a side has fewer than three training seeds;
        ``difference`` is a less b, ``low`` and ``high`` bound its 95 % interval; ``p`` is of a
        two-sided t-test over what ``test`` names, Holm-corrected over the table.
        ``attrs["left_out"]`` names what could not be compared, and why.

    Raises:
        ConfigError: There is no such model.
        NotComparableError: The two share no protocol, no model or no number, or one training seed
            meets several.
        StorageError: There are no such results, or they are damaged.
    """
    sides = (comparison.resolve(text, Path(results), suite) for text in (a, b))
    compared = comparison.compare(*sides)
    frame = _frame([_line(line) for line in compared.lines], _COMPARED)
    frame.attrs = {"a": a, "b": b, "left_out": list(compared.left_out)}
    return frame


def _line(line: Line) -> dict[str, Any]:
    match, tested, share = line.match, line.difference, line.improvement
    column, cell = match.column, match.cells[0]
    low, high = tested.interval
    return {
        "a": match.labels[0],
        "b": match.labels[1],
        "metric": column.metric,
        "difference": tested.value,
        "stderr": tested.stderr,
        "p": line.p_holm,
        "verdict": _VERDICTS[line.word],
        "low": low,
        "high": high,
        "n": cell.n,
        "kind": cell.kind,
        "settings": column.settings,
        "unit": column.unit,
        "better": column.better,
        "a_value": line.first.mean,
        "b_value": line.second.mean,
        "a_seeds": line.first.n_seeds,
        "b_seeds": line.second.n_seeds,
        "improvement": share.value,
        "improvement_low": share.low,
        "improvement_high": share.high,
        "unreliable": any(cell.unreliable for cell in match.cells),
        "test": line.test,
        "p_uncorrected": tested.p_value,
        "dof": tested.dof,
        "dataset": match.block.dataset,
        "protocol": match.block.protocol.text,
        "split": match.block.split,
        "evaluator_version": column.version,
        "options": column.options,
    }


def check(
    suite: str | pd.DataFrame,
    baseline: str | PathLike[str],
    *,
    results: str | Path = Path("results"),
    baseline_results: str | Path | None = None,
    margins: Mapping[str, float] | None = None,
    strict: bool = False,
    require: Collection[Requirement] = (),
) -> NumbersFrame:
    """Judge numbers by a baseline, as ``python -m genbench check`` does; needs no torch.

    It raises nothing where numbers are worse: :func:`genbench.testing.assert_no_regression` does.

    Args:
        suite: Name of a suite that was run, or a frame of :func:`genbench.run`,
            :func:`genbench.load_results` or :func:`genbench.evaluate`.
        baseline: A file that ``check --update`` or :func:`genbench.testing.write_baseline` wrote.
        results: Folder of the results.
        baseline_results: Results behind the baseline, to compare a stored suite datum by datum.
        margins: Replace those of the baseline: ``{"elbo": 0.5, "vae/kl": 1.0}``.
        strict: Count what is too noisy to tell as a failure.
        require: With ``["certified"]``, count likelihoods of a stored suite without a certificate
            of ``python -m genbench certify --suite`` as failures.

    Returns:
        A row per number of the baseline, the most important first; ``verdict`` is ``worse``,
        ``inconclusive``, ``better`` or ``same``. ``attrs`` has ``passed``, ``exit_code`` (that of
        the command), ``summary``, ``notes`` and ``uncertified``.

    Raises:
        BaselineError: The baseline is missing, damaged or of another suite, or the two sides do not
            hold the same numbers.
        ConfigError: A margin is of no number of the baseline, or not positive.
        StorageError: The results are missing or damaged.
    """
    path = Path(baseline)
    if isinstance(suite, pd.DataFrame):
        if baseline_results:
            raise ConfigError("baseline_results: a frame has no values per datum to compare")
        if require:
            raise ConfigError("require: a frame has no certificates; name the stored suite")
        outcome = gate.check_frame(suite, path, margins=margins, strict=strict)
    else:
        outcome = gate.check(
            path,
            Path(results),
            suite,
            baseline_results=Path(baseline_results) if baseline_results else None,
            margins=margins,
            strict=strict,
            require=require,
        )
    return _judged(outcome)


def _judged(outcome: GateOutcome) -> NumbersFrame:
    if outcome.mismatches:
        lines = gate.text(outcome).splitlines()
        more = [f"  and {len(lines) - _MOST_LINES + 1} more"] if len(lines) > _MOST_LINES else []
        raise BaselineError("\n".join([*lines[: _MOST_LINES - len(more)], *more]))
    frame = _frame([verdict.row() for verdict in gate.ordered(outcome.verdicts)], _CHECKED)
    frame.attrs = {
        "passed": not outcome.exit_code,
        "exit_code": int(outcome.exit_code),
        "summary": gate.headline(outcome),
        "notes": list(outcome.notes),
        "uncertified": list(outcome.uncertified),
    }
    return frame


def _frame(rows: list[dict[str, Any]], first: tuple[str, ...]) -> NumbersFrame:
    frame = pd.DataFrame(rows)
    return NumbersFrame(frame[[*first, *(name for name in frame if name not in first)]])
