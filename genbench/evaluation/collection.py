"""An evaluator's results on all blocks of data, collected and summarised."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from genbench.core.estimate import UnusableError
from genbench.core.metric import Kind
from genbench.core.statistics import MOST_K_HAT
from genbench.core.tensors import Rows
from genbench.evaluation.spec import PerDatum

_VALUES, _VARIANCES, _HEALTH = "values", "mc_variance", "health."


@dataclass
class Collected:
    """The results of one task, block by block, or the reason why it stopped.

    Attributes:
        remark: What a reader must know of the number, or why there is none.
        status: ``ok``, ``not_applicable`` or ``failed``.
        kind: The kind of the values, if it depends on the model.
        parts: Names of the values of a datum, if it depends on the model.
        by_draw: What each draw contributes to the sum over data, if all share their draws, (K,).
    """

    remark: str = ""
    status: str = "ok"
    kind: Kind | None = None
    parts: tuple[str, ...] | None = None
    by_draw: Tensor | None = None
    _columns: dict[str, Rows] = field(default_factory=dict)

    def add(self, piece: PerDatum, n_left: int) -> None:
        """Add one block; only its first ``n_left`` data count, which are all that are left.

        Raises:
            UnusableError: The values of other blocks have another shape.
        """
        if piece.by_draw is not None:
            of_block = piece.by_draw[:, :n_left].sum(dim=1)
            self.by_draw = of_block if self.by_draw is None else self.by_draw + of_block
        of_health = {f"{_HEALTH}{name}": tensor for name, tensor in piece.health.items()}
        found = {_VALUES: piece.values, _VARIANCES: piece.mc_variance, **of_health}
        known = {name: tensor for name, tensor in found.items() if tensor is not None}
        if not self._columns:
            self._columns = {name: Rows(tensor, n_left) for name, tensor in known.items()}
        for name in self._columns.keys() & known:
            try:
                self._columns[name].add(known[name])
            except ValueError as error:
                raise UnusableError("the metric's values", str(error)) from error
        self.remark, self.kind, self.parts = piece.remark, piece.kind, piece.parts

    def stop(self, status: str, reason: str) -> None:
        """Record that the task does not apply or failed."""
        self.status, self.remark = status, reason

    def values(self) -> Tensor:
        """Return the values of all data, (N,) or (N, P)."""
        return self._columns[_VALUES].so_far

    def errors(self, n_rows: int) -> list["MonteCarloError"]:
        """Return the Monte-Carlo errors of the means over data, one for each of ``n_rows`` rows."""
        if self.by_draw is not None:
            return [shared_error(self.by_draw, len(self.values()))] * n_rows
        known = self._of_all()
        if _VARIANCES not in known:
            return [NO_ERROR] * n_rows
        variances = known[_VARIANCES].cpu().double()
        columns = variances.reshape(len(variances), -1).expand(-1, n_rows)
        return [mean_error(column) for column in columns.unbind(dim=1)]

    def health(self) -> dict[str, float]:
        """Return the diagnostics over all data."""
        found = {name: of.cpu() for name, of in self._of_all().items() if name.startswith(_HEALTH)}
        return summarise_health({name.removeprefix(_HEALTH): of for name, of in found.items()})

    def _of_all(self) -> dict[str, Tensor]:
        """Return what every block said, by name."""
        found = {name: column.so_far for name, column in self._columns.items()}
        return {name: of for name, of in found.items() if len(of) == len(found[_VALUES])}


MIN_DATA = 20
"""Fewest data whose draws together tell the Monte-Carlo error of their mean."""


class MonteCarloError(NamedTuple):
    """The Monte-Carlo standard error of a number, or why a number from draws has none."""

    stderr: float | None = None
    absence: str = ""


NO_ERROR = MonteCarloError()
"""Of a number that is not drawn."""


def mean_error(variances: Tensor) -> MonteCarloError:
    """Return the Monte-Carlo error of the mean of data with these variances (N,).

    The variance of a single datum is noisy where few draws dominate; their sum over data is not.
    """
    n, total = len(variances), float(variances.sum())
    if not math.isfinite(total):
        return MonteCarloError(None, "its draws do not tell a Monte-Carlo error")
    if n < MIN_DATA:
        return MonteCarloError(None, "too few data for a Monte-Carlo error")
    return MonteCarloError(math.sqrt(total) / n)


MIN_SHARED_DRAWS = 20
"""Fewest draws that all data share whose spread tells the error of their mean."""


def shared_error(by_draw: Tensor, n: int) -> MonteCarloError:
    """Return the Monte-Carlo error of the mean of n data that share K draws.

    The errors of the data are one and the same. It comes from the spread, over draws, of what each
    contributes to the mean, and does not fall with n.

    Args:
        by_draw: The sum over data of what each draw contributes, (K,).
        n: Number of data.
    """
    k = len(by_draw)
    if k < MIN_SHARED_DRAWS:
        return MonteCarloError(None, "too few draws for a Monte-Carlo error")
    return MonteCarloError(float(by_draw.std()) / math.sqrt(k) / n)


def summarise_health(health: Mapping[str, Tensor]) -> dict[str, float]:
    """Reduce per-datum diagnostics (N,): medians of k-hat, minima and means of the rest.

    ``k_hat_bad`` is the share of data whose Pareto k-hat exceeds 0.7, beyond which an importance
    estimate is unreliable (Vehtari et al. 2024).
    """
    summary: dict[str, float] = {}
    for name, values in health.items():
        exact = values.double()
        if name == "k_hat":
            known = exact[~exact.isnan()]
            if len(known):
                summary |= {
                    "k_hat": float(known.median()),
                    "k_hat_bad": float((known > MOST_K_HAT).double().mean()),
                }
        else:
            summary[name] = float(exact.mean())
        if name == "ess":
            summary["ess_min"] = float(exact.min())
    return {name: value for name, value in sorted(summary.items()) if math.isfinite(value)}
