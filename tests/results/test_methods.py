"""Three training seeds a side, or one where training has no randomness."""

import pytest

from genbench.results.cells import Cell, SeedValue
from genbench.results.methods import of_methods


def cell(*values, closed_form=None):
    seeds = tuple(SeedValue(i, f"run{i}", value) for i, value in enumerate(values))
    return Cell("ok", n_seeds=len(seeds), n_ok=len(seeds), seeds=seeds, closed_form=closed_form)


@pytest.mark.parametrize(
    ("values", "closed_form", "speaks"),
    [
        ((1.0,), None, False),
        ((1.0,), False, False),
        ((1.0,), True, True),
        ((1.0, 1.1), False, False),
        ((1.0, 1.1), True, False),  # its fit draws: centroids, for example
        ((1.0, 1.0), True, True),
        ((1.0, 1.0), None, True),
        ((1.0, 1.0), False, False),
        ((1.0, 1.1), None, False),
        ((1.0, 1.1, 0.9), False, True),
        ((1.0, 1.1, 0.9), None, True),
    ],
)
def test_a_number_speaks_of_its_method_from_three_seeds_on_or_without_randomness(
    values, closed_form, speaks
):
    assert of_methods([cell(*values, closed_form=closed_form)]) == speaks


def test_the_side_with_the_fewest_seeds_decides():
    many, few = cell(1.0, 1.1, 1.2), cell(1.0, 1.1, closed_form=False)
    assert of_methods([many, many])
    assert not of_methods([many, few])
