"""Loads what is stored."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load_results(suite: str = "digits", results: str | Path = Path("results")) -> "pd.DataFrame":
    """Return the stored table of a suite; needs no torch.

    ``settings`` says what tells two numbers of one metric apart, such as ``K = 200, given the
    label``. No two rows of a suite share model, seed, metric and settings::

        frame.pivot(index=["model", "seed"], columns=["metric", "settings"], values="value")

    In the table of a collection, ``suite`` belongs to that key too.

    Args:
        suite: Name of a suite that was run.
        results: Folder of the results.

    Returns:
        One row per number, those without a value last. The first columns are ``model``,
        ``metric``, ``value``, ``stderr`` (over the test set), ``n`` and ``kind``; what the number
        comes from is last. ``print`` shows the columns that fit.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    from genbench.results.numbers_frame import stored_numbers
    from genbench.results.suite import StoredSuite

    return stored_numbers(StoredSuite.open(Path(results), suite))
