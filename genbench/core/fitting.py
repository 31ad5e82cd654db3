"""Fits by scikit-learn that end in the same bits each time."""

import warnings
from typing import Any

from torch import Tensor


def fit_repeatably(estimator: Any, data: Tensor, *labels: Tensor) -> None:
    """Fit a scikit-learn estimator to ``data`` (N, D), bit for bit the same each time.

    It runs in one thread: several would add their parts in the order in which they finish. Reaching
    the step limit gives no warning.

    Args:
        estimator: Has ``fit``.
        data: One datum per row.
        labels: For a classifier, (N,).
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(*(each.detach().cpu().numpy() for each in (data, *labels)))
