"""Equivalence margins: the largest change of a number that is of no interest, in its own unit.

A margin says what matters, not what is noise. It is also the prior for training noise: the gate
takes a quarter of the margin as the standard deviation between seeds unless the seeds contradict it
(:mod:`genbench.gate.statistics`). Each metric's record states its margin. Those of genbench's own
metrics were set with 24 seeds of the digits suite, so that the spread of most models is below that
quarter. Larger images may need larger margins; a baseline stores its own beside each number.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from genbench.core.errors import ConfigError, require_known
from genbench.gate.entries import Entry


def parse_margins(settings: Sequence[str]) -> dict[str, float]:
    """Read ``metric=number`` and ``model/metric=number``.

    Raises:
        ConfigError: The text has a different form, or the number is not positive.
    """
    margins = {}
    for setting in settings:
        name, _, text = setting.rpartition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not name or not (0 < value < math.inf):
            raise ConfigError(
                f"margin: expected METRIC=NUMBER or MODEL/METRIC=NUMBER with a number > 0, "
                f"not '{setting}'"
            )
        margins[name] = value
    return margins


def asked_margin(model: str, metric: str, asked: Mapping[str, float]) -> float | None:
    """Return the margin that ``--margin`` states for a number; the most specific name wins.

    Example:
        >>> asked_margin("vae", "iw_curve[k=10]", {"iw_curve": 1.0, "vae/iw_curve": 2.0})
        2.0
    """
    return next((asked[key] for key in _names(model, metric) if key in asked), None)


def _names(model: str, metric: str) -> tuple[str, ...]:
    """What ``--margin`` may call a number, the most specific name first."""
    name = metric.partition("[")[0]
    return f"{model}/{metric}", f"{model}/{name}", metric, name


def with_margins(
    entries: Collection[Entry], asked: Mapping[str, float] | None, before: Iterable[Entry] = ()
) -> list[Entry]:
    """Return entries with the margins that the user requests, else with their previous ones.

    Raises:
        ConfigError: A requested margin is of none of the entries, or not positive.
    """
    _require_margins(asked or {}, entries)
    known = {entry.key: entry.margin for entry in before}
    changed = []
    for entry in entries:
        margin = asked_margin(entry.model, entry.metric, asked or {})
        if margin is None:
            margin = known.get(entry.key, entry.margin)
        changed.append(entry.model_copy(update={"margin": margin}))
    return changed


def _require_margins(asked: Mapping[str, float], entries: Collection[Entry]) -> None:
    names = {name for entry in entries for name in _names(entry.model, entry.metric)}
    for name, value in asked.items():
        alike = (known for known in names if ("/" in known) == ("/" in name))
        require_known(name, alike, "margin: no number")
        if not 0 < value < math.inf:
            raise ConfigError(f"margin: {name}: expected a number > 0, not {value:g}")
