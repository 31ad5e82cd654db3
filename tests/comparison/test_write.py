import json
from dataclasses import replace

import pytest
from PIL import Image

from genbench.comparison import as_json, as_text, tables, write_comparison
from genbench.comparison.measure import Measured
from genbench.comparison.plot import rank_plot
from genbench.comparison.tables import short_tables
from genbench.core.errors import StorageError


def test_json_has_every_number_and_no_nan(five):
    found = as_json(five.compare("tiny", "worse"))
    text = json.dumps(found, allow_nan=False)
    (line,) = [
        line
        for line in json.loads(text)["lines"]
        if (line["metric"], line["a"]["model"]) == ("elbo", "vae")
    ]
    assert line["difference"] == pytest.approx(1.0)
    assert line["interval"] == pytest.approx([1.0, 1.0])
    assert (line["verdict"], line["n"], line["a"]["seeds"]) == ("A", 300, 5)
    assert line["test"] == "two-sided t-test over images and pairs of seeds"
    assert line["p"] <= line["p_holm"]
    assert line["a"]["rank"]["of"] == 4
    assert found["correction"] == f"Holm over {len(found['lines'])}"


def test_a_certain_difference_has_no_degrees_of_freedom_in_json(five):
    assert as_json(five.compare("tiny:vae", "tiny:vae"))["lines"][0]["dof"] is None


def test_files_are_written_and_the_same_numbers_give_the_same_bytes(stored, tmp_path):
    found = stored.compare("tiny", "tiny")
    for name in ("one", "two"):
        write_comparison(found, tmp_path / name)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(files) == {
        "compare.json", "compare.md", "ranks-1.pdf", "ranks-1.png", "ranks-2.pdf", "ranks-2.png",
    }  # fmt: skip
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    with Image.open(tmp_path / "one" / "ranks-1.png") as image:
        assert image.size[0] > 600
    assert b"| model | metric |" in files["compare.md"]


def test_a_mean_rank_outside_its_interval_is_drawn(stored):
    """One draw in a hundred has another rank: the mean moves, the percentiles do not."""
    found = stored.compare("tiny:vae", "tiny:beta_vae")
    line = found.lines[0]
    outside = replace(line.first, rank=Measured(1.01, 1.0, 1.0))
    figure = rank_plot([[replace(line, first=outside)]])
    drawn = [list(part.get_xdata()) for part in figure.axes[0].lines]
    assert [1.0, 1.0] in drawn
    assert [1.01] in drawn


def test_folder_that_cannot_be_written_is_a_storage_error(stored, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_comparison(stored.compare("tiny", "tiny"), tmp_path / "file" / "below")


def captions(found):
    return " ".join(table.caption for table in tables(found))


def test_captions_name_the_test_the_correction_and_what_few_seeds_mean(stored, five):
    few = captions(stored.compare("tiny:vae", "tiny:beta_vae"))
    assert "with fewer than four seeds, their mean" in few
    assert "too narrow with fewer than 5 seeds" in few
    assert "Holm-corrected over all 6 lines" in few
    assert "larger lower bound need not be the better model" in few
    enough = captions(five.compare("tiny:vae", "worse:vae"))
    assert "fewer than" not in enough


def test_captions_say_what_one_seed_leaves_open(place):
    place.rewrite(lambda row: row if (row["seed"], row["metric"]) == ("0", "elbo") else None)
    found = place.compare("tiny:vae", "tiny:beta_vae")
    text = captions(found)
    assert "t-test with images as random" in text
    assert "With fewer than 3 training seeds a side this is about these trained networks" in text
    legend = " ".join(as_text(found).split())
    assert "a tie where p ≥ 0.05. With fewer than 3 training seeds a side this is" in legend


def test_captions_say_where_a_metrics_own_error_decides(place):
    place.rewrite(lambda row: row if (row["seed"], row["metric"]) == ("0", "mmd2") else None)
    found = place.compare("tiny:vae", "tiny:beta_vae")
    text = captions(found)
    assert "z-test with the metric's own error as random" in text
    assert "With one seed a side it compares these trained networks" in text
    assert "With one seed a side it compares these trained networks" in " ".join(
        as_text(found).split()
    )
    (line,) = as_json(found)["lines"]
    assert line["test"] == "two-sided z-test over the metric's own error"
    assert (line["dof"], line["of_methods"]) == (None, False)


def test_a_tie_is_called_a_tie(stored):
    rows = tables(stored.compare("tiny:vae", "tiny:vae_twin"))[0].rows
    (elbo,) = [row for row in rows if row[0].text.startswith("elbo")]
    assert "tie" in [cell.text for cell in elbo]


def test_unreliable_numbers_are_marked_and_explained(stored):
    table = tables(stored.compare("tiny:vae", "tiny:beta_vae"))[0]
    (row,) = [row for row in table.rows if row[0].text.startswith("iw_log_likelihood")]
    assert any(cell.line.endswith("†") for cell in row)
    assert [mark for mark, _ in table.notes] == ["†"]


def test_few_of_many_reasons_are_printed_unless_all_are_wanted(stored):
    found = stored.compare("tiny:vae", "tiny:beta_vae")
    found = replace(found, left_out=tuple(f"reason {i}" for i in range(9)))
    short, whole = as_text(found), as_text(found, verbose=True)
    assert short.endswith("  reason 3\n  and 5 more (--verbose names them)")
    assert whole.endswith("  reason 7\n  reason 8")


def test_two_models_are_compared_by_all_numbers_and_suites_by_one_of_each_model(stored):
    def rows(found):
        (table, *_) = short_tables(found)
        assert len(table.heads) <= 5
        return [[cell.text for cell in row] for row in table.rows]

    two = rows(stored.compare("tiny:vae", "tiny:beta_vae"))
    assert [row[0] for row in two][:2] == ["elbo ↑ (nats)", "iw_log_likelihood ↑ (nats)"]
    found = stored.compare("tiny", "tiny")
    models = [row[0] for row in rows(found)]
    assert sorted(models) == sorted(
        ("vae", "vae_twin", "beta_vae", "linear_gaussian", "gan+normal(0.126)", "cvae")
    )
    text = " ".join(as_text(found).split())
    assert f"--verbose shows all {len(found.lines)} numbers and 95 % intervals." in text


def test_the_short_table_says_how_many_images_and_seeds_it_rests_on(stored):
    (table, *_) = short_tables(stored.compare("tiny:vae", "tiny:beta_vae"))
    assert table.title.endswith("probabilities: 300 test images, 2 seeds a side")
    other = [row[0].text for row in table.rows if "n = " in row[0].text]
    assert other == ["ais_log_likelihood ↑ (nats, n = 100)"]
    assert "--verbose shows 95 % intervals." in as_text(stored.compare("tiny:vae", "tiny:beta_vae"))
