"""Whether numbers speak of methods, or only of the networks that were trained.

Marks and the words "best" and "better" are for methods. Each side of such a statement needs three
training seeds, or one where its training has no randomness.
"""

from collections.abc import Iterable

from genbench.core.statistics import ENOUGH_SEEDS
from genbench.results.cells import Cell

OF_NETWORKS = "Of these trained networks, "
"""Begins what is said of numbers that do not speak of methods."""
NETWORKS_ALONE = (
    f"With fewer than {ENOUGH_SEEDS} training seeds a side this is about these trained networks,"
    " not about methods."
)


def of_methods(cells: Iterable[Cell]) -> bool:
    """Return whether a comparison of these numbers may speak of methods."""
    return all(cell.n_ok >= ENOUGH_SEEDS or is_deterministic(cell) for cell in cells)


def is_deterministic(cell: Cell) -> bool:
    """Return whether a number is the same for every training seed.

    Older results do not say whether training has randomness; there the seeds' values decide.
    """
    alike = len({seed.value for seed in cell.seeds}) == 1
    return alike and bool(cell.n_ok > 1 if cell.closed_form is None else cell.closed_form)
