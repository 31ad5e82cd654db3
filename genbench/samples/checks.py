"""What a metric asks of the features of samples and reference before it computes anything."""

from torch import Tensor

from genbench.core.estimate import NotApplicableError, require_finite


def require_sets(x: Tensor, y: Tensor, least: int = 2, why: str = "") -> None:
    """Raise unless x (N, d) and y (M, d) are finite and each has ``least`` rows or more.

    Args:
        x: Features of samples.
        y: Features of the reference.
        least: Rows that the metric needs.
        why: Ends the message, such as ``10 for each of 64 features``.

    Raises:
        NotApplicableError: One of them has too few rows.
        NonFiniteError: A feature is infinite or NaN.
        ValueError: They are no features of one space.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"features (N, d) of one space expected, not {list(x.shape)} and {list(y.shape)}"
        )
    for rows, what in ((x, "samples"), (y, "images in the reference")):
        if len(rows) < least:
            reason = f" ({why})" if why else ""
            raise NotApplicableError(f"needs {least} {what}{reason}, found {len(rows)}")
        require_finite(rows)
