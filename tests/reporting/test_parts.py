import math

import pytest

from genbench.reporting.multi_part_metrics import curve_sheet, family, part_sheet, rate_sheets, scaled


def test_parts_are_collected_in_numeric_order_with_the_models_that_have_them(
    rich_rows, rich_blocks
):
    found = family(rich_rows, rich_blocks[0], "iw_curve")
    assert found.parts == ("1", "10", "100")
    assert [row.model for row, _ in found.lines] == [
        "vae",
        "vae_twin",
        "beta_vae",
        "linear_gaussian",
    ]
    means = {part: cell.value for part, cell in found.lines[0][1].items()}
    assert means == pytest.approx({"1": -21.45, "10": -20.55, "100": -20.05})


def test_parts_with_names_keep_the_order_of_the_table(rich_rows, rich_blocks):
    found = family(rich_rows, rich_blocks[0], "kl_decomposition")
    assert found.parts == ("index_code_mi", "total_correlation", "dimension_wise_kl")


def test_block_without_parts_has_no_family(rich_rows, rich_blocks):
    assert family(rich_rows, rich_blocks[1], "iw_curve") is None
    assert family(rich_rows, rich_blocks[0], "unheard_of") is None


def test_curve_shows_extrapolation_and_the_exact_value_where_it_is_known(rich_rows, rich_blocks):
    sheet = curve_sheet(family(rich_rows, rich_blocks[0], "iw_curve"), "curve")
    assert sheet.heads[1:] == ("K = 1", "K = 10", "K = 100", "K → ∞ (estimate)", "log p(x), exact")
    by_model = {row[0]: row for row in sheet.rows}
    assert by_model["vae"][4].startswith("-19.75 ±")
    assert by_model["vae"][5] == ""
    assert by_model["linear_gaussian (control)"][5].startswith("-22.05 ±")


def test_table_of_parts_says_over_how_many_data_they_are(rich_rows, rich_blocks):
    found = family(rich_rows, rich_blocks[0], "inference_gap")
    assert "n = 100" in part_sheet(found, "gap", "Gap", "Words.").caption
    whole = family(rich_rows, rich_blocks[0], "kl_decomposition")
    assert part_sheet(whole, "kl", "KL", "Words.").caption == "Words."


def test_rate_and_distortion_are_in_nats_and_bits_and_add_up(rich_blocks):
    (sheet,) = rate_sheets(rich_blocks)
    first = [text.split(" ")[0] for text in sheet.rows[0]]
    assert first == ["vae", "7.40", "10.68", "14.05", "20.27", "21.45"]  # 7.4 / ln 2 = 10.676


def test_scaling_changes_each_uncertainty_alike(rich_blocks):
    cell = rich_blocks[0].rows[0].cells[1]
    bits = scaled(cell, -1 / math.log(2))
    for name in ("stderr", "mc_stderr", "seed_sd"):
        assert getattr(bits, name) == pytest.approx(getattr(cell, name) / math.log(2))
    assert bits.value == pytest.approx(-cell.value / math.log(2))
