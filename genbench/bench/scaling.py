"""How time grows with a size: power-law exponents and their figure. Imports no torch."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from genbench.bench.rows import BenchRow


class Exponent(NamedTuple):
    """The exponent a of y = c x^a, and its standard error (None for two points)."""

    value: float
    stderr: float | None


def fit_exponent(x: Sequence[float], y: Sequence[float]) -> Exponent:
    """Fit y = c x^a by least squares in logarithms.

    Example:
        >>> fit_exponent([1, 2, 4], [3, 12, 48]).value
        2.0
    """
    u, v = [math.log(value) for value in x], [math.log(value) for value in y]
    n, mean_u, mean_v = len(u), math.fsum(u) / len(u), math.fsum(v) / len(v)
    squares = math.fsum((a - mean_u) ** 2 for a in u)
    slope = math.fsum((a - mean_u) * (b - mean_v) for a, b in zip(u, v, strict=True)) / squares
    rest = math.fsum((b - mean_v - slope * (a - mean_u)) ** 2 for a, b in zip(u, v, strict=True))
    return Exponent(slope, math.sqrt(rest / (n - 2) / squares) if n > 2 else None)


def scaling_lines(rows: Sequence[BenchRow]) -> dict[str, list[BenchRow]]:
    """Return the rows of a study by their line in its figure."""
    lines: dict[str, list[BenchRow]] = {}
    for row in rows:
        sizes = [] if row["study"] == "batch_size" else [f"batch {row['batch_size']}"]
        lines.setdefault(", ".join([f"{row['recipe']} {row['task']}", *sizes]), []).append(row)
    return lines


def with_exponents(rows: Sequence[BenchRow]) -> list[BenchRow]:
    """Return the rows of a study, each with the exponent of its line."""
    extended = []
    for line in scaling_lines(rows).values():
        times = [row["step_seconds"] for row in line]
        fit = fit_exponent([row["study_value"] for row in line], times)
        exponent = {"exponent": fit.value, "exponent_stderr": fit.stderr}
        extended += [row | exponent for row in line]
    return extended


def with_seed_ratios(rows: Sequence[BenchRow]) -> list[BenchRow]:
    """Return the rows; in a study of seeds each with what training together gains.

    ``time_of_one`` is the time of a step of all seeds over that of one seed, and
    ``gain_of_together`` the images per second over those of the seeds one after the other. A study
    without one seed has neither.
    """
    extended = []
    for line in scaling_lines(rows).values():
        one = next((r for r in line if r["study"] == "seeds" and r["study_value"] == 1), None)
        extended += [row | _seed_ratios(row, one) if one else row for row in line]
    return extended


def _seed_ratios(row: BenchRow, one: BenchRow) -> BenchRow:
    time = row["step_seconds"] / one["step_seconds"]
    return {"time_of_one": time, "gain_of_together": row["study_value"] / time}


def exponent_text(row: Mapping[str, Any]) -> str:
    """Write an exponent with its standard error.

    Example:
        >>> exponent_text({"exponent": 0.913, "exponent_stderr": 0.0212})
        '0.91 ± 0.02'
    """
    error = row["exponent_stderr"]
    return f"{row['exponent']:.2f}" + ("" if error is None else f" ± {error:.2f}")


def draw_scaling(rows: Sequence[BenchRow], folder: Path) -> list[Path]:
    """Draw time against the varied size on logarithmic axes, as PNG and PDF; return the files."""
    from genbench.reporting.figures.style import colours, new_figure, save, styled

    study, lines = rows[0]["study"], scaling_lines(rows)
    colour, title = colours(list(lines)), f"Time per step against {study.replace('_', ' ')}"
    with styled():
        figure = new_figure(6.4, 4.2)
        axes = figure.add_subplot()
        for name, line in lines.items():
            x = [row["study_value"] for row in line]
            milliseconds = [1000 * row["step_seconds"] for row in line]
            label = f"{name}: exponent {exponent_text(line[0])}"
            axes.plot(x, milliseconds, "o-", color=colour[name], label=label)
        axes.set(xscale="log", yscale="log", xlabel=study.replace("_", " "))
        axes.set(ylabel="milliseconds per step", title=title)
        _plain_ticks(axes, sorted({row["study_value"] for row in rows}))
        axes.legend(loc="upper left")
        save(figure, folder, f"bench_{study}", f"{title}, both axes logarithmic")
    return [folder / f"bench_{study}.{kind}" for kind in ("png", "pdf")]


def _plain_ticks(axes: Any, values: Sequence[float]) -> None:
    """Label plain numbers: the varied values, and 1, 2, 5 of each decade of time."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.set_xticks(values)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())
