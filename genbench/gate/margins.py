"""Equivalence margins: how far a number may move before anyone cares, in its own unit.

A margin says what is of interest, not what is noise. It also carries what is known beforehand of
training noise: the gate takes a quarter of the margin for the standard deviation between seeds
until the seeds say otherwise (:mod:`genbench.gate.statistics`). The values below were set with 24
seeds of the digits suite: most models' spread lies below that quarter. Metrics on larger images
may want larger margins; a baseline keeps its own beside each number.

May import the standard library and :mod:`genbench.core`.
"""

import math
from collections.abc import Mapping, Sequence

from genbench.core.errors import ConfigError

MARGINS = {
    "elbo": 0.5,
    "iw_log_likelihood": 0.5,
    "iw_extrapolated": 0.5,
    "iw_curve": 0.5,
    "log_likelihood": 0.5,
    "ais_log_likelihood": 2.0,
    "bdmc_gap": 2.0,
    "prior_bound": 5.0,
    "prior_log_likelihood": 2.0,
    "parzen_log_likelihood": 2.0,
    "reconstruction_log_prob": 1.0,
    "kl": 1.0,
    "kl_decomposition": 1.0,
    "inference_gap": 0.5,
    "bits_per_dim": 0.02,
    "reconstruction_mse": 0.005,
    "mmd2": 0.004,
    "active_units": 2.0,
    "active_units_sweep": 2.0,
}
"""By metric: nats, bits per dimension, squared intensity, squared MMD, dimensions."""
DENSITY_FACTOR = 6.0
"""Log densities of grey levels move this much more between seeds than log probabilities."""
_OTHERS = ("kl", "kl_decomposition", "inference_gap", "reconstruction_mse", "mmd2")
_LOG_DENSITIES = MARGINS.keys() - {*_OTHERS, "active_units", "active_units_sweep"}


def default_margin(metric: str, protocol: str, unit: str = "") -> float | None:
    """Return the margin of a metric, or None where nobody declared one.

    A metric that is not in the table but is measured in nats has the margin of a bound.

    Example:
        >>> default_margin("elbo", "digits@1a/static(seed=0)/5+5+5/mass")
        0.5
        >>> default_margin("elbo", "digits@1a/uniform(seed=0)/5+5+5/density")
        3.0
        >>> default_margin("accuracy", "", unit="share") is None
        True
    """
    name = metric.partition("[")[0]
    found = MARGINS.get(name, MARGINS["elbo"] if unit == "nats" else None)
    is_density = protocol.partition("|")[0].endswith("/density")
    if found is not None and is_density and name in _LOG_DENSITIES:
        return found * DENSITY_FACTOR
    return found


def parse_margins(settings: Sequence[str]) -> dict[str, float]:
    """Read ``metric=number`` and ``model/metric=number``.

    Raises:
        ConfigError: The text has another form, or the number is not positive.
    """
    found = {}
    for setting in settings:
        name, _, text = setting.rpartition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not name or not (0 < value < math.inf):
            raise ConfigError(
                f"margin: '{setting}' is not METRIC=NUMBER or MODEL/METRIC=NUMBER with a number > 0"
            )
        found[name] = value
    return found


def asked_margin(model: str, metric: str, asked: Mapping[str, float]) -> float | None:
    """Return what ``--margin`` says of a number; the more precise name wins.

    Example:
        >>> asked_margin("vae", "iw_curve[k=10]", {"iw_curve": 1.0, "vae/iw_curve": 2.0})
        2.0
    """
    name = metric.partition("[")[0]
    for key in (f"{model}/{metric}", f"{model}/{name}", metric, name):
        if key in asked:
            return asked[key]
    return None
