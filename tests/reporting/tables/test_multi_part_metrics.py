"""Metrics of several parts, and rate and distortion, as small tables."""

import math

import pytest

from genbench.core.metric import Metric, Parts
from genbench.reporting.tables.multi_part_metrics import (
    MultiPartMetric,
    multi_part_metric,
    part_table,
    rate_tables,
    scaled,
)
from genbench.results.cells import Column


@pytest.fixture(scope="module")
def parts_of(rich_suite):
    """A metric of the rich results with its parts: ``parts_of(name, block=0)``."""

    def collect(name, block=0):
        metric = rich_suite.metrics.get(name) or Metric.undeclared(name, "", "none", "exact", 1)
        return multi_part_metric(rich_suite.rows, rich_suite.blocks[block], metric)

    return collect


def test_parts_are_collected_in_numeric_order_with_the_models_that_have_them(parts_of):
    found = parts_of("iw_curve")
    assert found.parts == ("1", "10", "100")
    assert [row.model for row, _ in found.lines] == [
        "vae",
        "vae_twin",
        "beta_vae",
        "linear_gaussian",
    ]
    means = {part: cell.value for part, cell in found.lines[0][1].items()}
    assert means == pytest.approx({"1": -21.50, "10": -20.60, "100": -20.10})


def test_parts_with_names_keep_the_order_of_the_table(parts_of):
    assert parts_of("kl_decomposition").parts == (
        "index_code_mi",
        "total_correlation",
        "dimension_wise_kl",
    )


def test_block_without_parts_has_no_such_metric(parts_of):
    assert parts_of("iw_curve", block=1) is None
    assert parts_of("unheard_of") is None


def test_curve_shows_extrapolation_and_the_exact_value_where_it_is_known(parts_of):
    table = part_table(parts_of("iw_curve"), "curve")
    heads = tuple(head.text for head in table.heads)
    assert heads[1:] == ("K = 1", "K = 10", "K = 100", "K → ∞ (estimate)", "log p(x), exact")
    by_model = {row[0].line: [cell.line for cell in row] for row in table.rows}
    assert by_model["vae"][4].startswith("-19.80 ±")
    assert by_model["vae"][5] == ""
    assert by_model["linear_gaussian"][5].startswith("-22.10 ±")


def test_table_of_parts_says_over_how_many_data_they_are(parts_of):
    few, whole = (parts_of(name) for name in ("inference_gap", "kl_decomposition"))
    note = "In nats, ± standard error over images."
    assert part_table(few, "gap").caption == f"{note} Over n = 100 data."
    assert part_table(whole, "kl").caption == "In nats, ± standard error over draws of codes."


def test_rate_and_distortion_are_in_nats_and_bits_and_add_up(rich_blocks):
    (table,) = rate_tables(rich_blocks)
    first = [cell.text for cell in table.rows[0]]
    assert first == ["vae", "7.40", "10.68", "14.10", "20.34", "21.50"]  # 7.4 / ln 2 = 10.676


def test_scaling_changes_each_uncertainty_alike(rich_blocks):
    cell = rich_blocks[0].rows[0].cells[1]
    bits = scaled(cell, -1 / math.log(2))
    for name in ("stderr", "mc_stderr", "seed_sd"):
        assert getattr(bits, name) == pytest.approx(getattr(cell, name) / math.log(2))
    assert bits.value == pytest.approx(-cell.value / math.log(2))


@pytest.mark.parametrize(
    ("plot", "numbered"), [("curve", False), ("steps", False), ("stacked", True)]
)
def test_parts_that_are_no_numbers_have_no_axis_of_their_own(plot, numbered):
    record = Metric(
        name="m", version=1, unit="share", better="none", kind="exact", title="M", plot=plot,
        parts=Parts(),
    )  # fmt: skip
    column = Column("m", "{}", 1, "share", "none", "exact", record)
    assert MultiPartMetric(None, column, ("low", "high"), ()).is_numbered is numbered
    assert MultiPartMetric(None, column, ("1", "10"), ()).is_numbered
