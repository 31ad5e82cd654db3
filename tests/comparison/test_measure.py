import json
import math
from dataclasses import replace

import numpy as np
import pytest

from genbench.comparison import NotComparableError, resolve
from genbench.core.sequential import anytime_difference
from genbench.core.statistics import holm
from genbench.results.paired import comparisons
from tests.results.fabricate import write_manifest


def line_of(found, metric, model=None):
    (line,) = [
        line
        for line in found.lines
        if line.match.column.metric == metric and model in (None, line.match.labels[0])
    ]
    return line


def test_the_report_and_compare_say_the_same_of_two_models(stored):
    side = resolve("tiny", stored.results)
    (block,) = [b for b in side.blocks if not b.protocol.condition]
    index = block.column("elbo")
    rows = tuple(row for row in block.rows if row.model in ("vae", "beta_vae"))
    (comparison,) = comparisons(replace(block, rows=rows), index, side.values)
    pair = comparison.pairs[0, 1]
    found = line_of(stored.compare("tiny:vae", "tiny:beta_vae"), "elbo").difference
    assert (pair.difference, pair.stderr) == (found.value, found.stderr)
    assert pair.p_value == found.p_value  # one pair: nothing to correct


def test_difference_is_a_less_b(five):
    line = line_of(five.compare("tiny:vae", "worse:vae"), "elbo")
    assert line.difference.value == pytest.approx(1.0)
    assert (line.verdict, line.improvement.value) == ("A", 1.0)
    assert (line.first.mean, line.second.mean) == pytest.approx((-21.6, -22.6))


def test_swapped_sides_swap_the_answer(five):
    one = line_of(five.compare("tiny:vae", "tiny:beta_vae"), "elbo")
    other = line_of(five.compare("tiny:beta_vae", "tiny:vae"), "elbo")
    assert (one.verdict, other.verdict) == ("A", "B")
    assert one.difference.value == -other.difference.value
    assert one.p_holm == other.p_holm
    assert (one.first.iqm, one.first.rank) == (other.second.iqm, other.second.rank)
    assert one.improvement.value == 1 - other.improvement.value


def test_one_seed_a_side_is_decided_by_the_errors_that_the_numbers_state(place):
    place.rewrite(lambda row: row if row["seed"] == "0" else None)
    other = place.copy("other")

    def lower(row):
        if row["metric"] != "mmd2" or not row["value"]:
            return row
        return row | {"value": str(float(row["value"]) - 0.2)}

    place.rewrite(lower, other)
    line = line_of(place.compare("tiny:vae", f"{other}:vae"), "mmd2")
    z = 0.2 / (math.sqrt(2) * 0.02)
    assert line.difference.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert (line.verdict, line.word) == ("B", "B's networks")
    assert line.first.iqm.high - line.first.iqm.low == pytest.approx(2 * 1.96 * 0.02, rel=0.1)
    same = line_of(place.compare("tiny:vae", "tiny:beta_vae"), "mmd2")
    assert same.verdict == "tie"


def test_smaller_wins_where_lower_is_better(place):
    other = place.copy("other")

    def lower(row):
        if row["metric"] != "mmd2" or row["model"] != "vae":
            return row
        return row | {"value": str(float(row["value"]) - 0.2 - 1e-9 * int(row["seed"]))}

    place.rewrite(lower, other)
    line = line_of(place.compare("tiny:vae", f"{other}:vae"), "mmd2")
    assert line.difference.value == pytest.approx(0.2)
    assert line.improvement.value == 0.0
    assert line.second.rank.value < line.first.rank.value


def test_p_values_are_corrected_over_the_whole_table(stored):
    found = stored.compare("tiny:vae", "tiny:vae_twin")
    raw = [line.difference.p_value for line in found.lines]
    assert [line.p_holm for line in found.lines] == holm(raw)
    assert len(raw) == 6


def test_results_that_are_the_same_are_a_tie_with_no_difference(stored):
    found = stored.compare("tiny", str(stored.results / "tiny"))
    assert {line.verdict for line in found.lines} == {"tie"}
    assert {line.difference.value for line in found.lines} == {0.0}
    assert {line.improvement.value for line in found.lines} == {0.5}
    for line in found.lines:
        assert line.first.rank.value == pytest.approx(line.second.rank.value, abs=0.2)


def test_equal_seeds_of_one_model_are_paired_from_five_on(five, stored):
    assert (
        line_of(five.compare("tiny:vae", "worse:vae"), "elbo").test == "images and pairs of seeds"
    )
    assert line_of(five.compare("tiny:vae", "tiny:beta_vae"), "elbo").test == "images and seeds"
    assert line_of(stored.compare("tiny", "tiny"), "elbo", "vae").test == "images and seeds"
    assert line_of(stored.compare("tiny", "tiny"), "mmd2", "vae").test == "seeds"


def test_one_seed_tests_images_alone(place):
    place.rewrite(lambda row: row if row["seed"] == "0" else None)
    line = line_of(place.compare("tiny:vae", "tiny:beta_vae"), "elbo")
    assert line.test == "images"
    assert line.difference.dof == 299


def test_one_seed_against_several_is_refused_with_what_to_do(place):
    kept = {"vae": "0"}
    place.rewrite(lambda row: row if row["seed"] in kept.get(row["model"], "01") else None)
    for first, second, one, several in (
        ("tiny:vae", "tiny:beta_vae", "A", "B"),
        ("tiny:beta_vae", "tiny:vae", "B", "A"),
    ):
        said = rf"{one} has one training seed and {several} has 2, .*: run {one} with `--seeds 2`"
        with pytest.raises(NotComparableError, match=said) as error:
            place.compare(first, second)
        assert error.value.exit_code == 6


def test_one_seed_of_a_fit_in_closed_form_meets_several_seeds(place):
    kept = {"linear_gaussian": "0"}
    place.rewrite(lambda row: row if row["seed"] in kept.get(row["model"], "01") else None)
    path = place.results / "tiny" / "suite.json"
    content = json.loads(path.read_text())
    for run in content["runs"]:
        run["closed_form"] = run["model"] == "linear_gaussian"
    path.write_text(json.dumps(content))
    lines = place.compare("tiny:vae", "tiny:linear_gaussian").lines
    assert {line.test for line in lines} == {"images and seeds of A"}


def test_seeds_that_were_added_until_decided_are_compared_by_the_anytime_test(place, stored):
    path = place.results / "tiny" / "suite.json"
    content = json.loads(path.read_text())
    content["until_decided"] = {"maximum": 10, "seeds": 2, "rule": ""}
    path.write_text(json.dumps(content))
    fixed = line_of(stored.compare("tiny:vae", "tiny:beta_vae"), "elbo")
    line = line_of(place.compare("tiny:vae", "tiny:beta_vae"), "elbo")
    assert line.difference == anytime_difference(*fixed.match.values)
    assert line.difference.p_value > fixed.difference.p_value


def test_interquartile_mean_leaves_out_the_lowest_and_the_highest(five):
    first = line_of(five.compare("tiny:vae", "tiny:beta_vae"), "elbo").first
    values = [-21.4 - 0.1 * seed for seed in range(5)]
    assert first.iqm.value == pytest.approx(np.mean(values[1:4]))
    assert first.iqm.low < first.iqm.value < first.iqm.high


def test_ranks_are_among_numbers_of_equal_kind(stored):
    found = stored.compare("tiny", "tiny")
    line = line_of(found, "iw_log_likelihood", "vae")
    assert line.first.of == 8  # vae, vae_twin, beta_vae and cvae of both sides
    exact = line_of(found, "iw_log_likelihood", "linear_gaussian")
    assert exact.first.of == 2
    worst = line_of(found, "iw_log_likelihood", "beta_vae")
    assert worst.first.rank.low >= line.first.of - 1


def test_numbers_with_and_without_values_per_image_are_ranked_apart(place):
    """What one model has lost of its values per image is compared by seed."""
    (lost,) = place.compare("tiny:vae", "tiny:vae").lines[:1]
    for seed in lost.match.cells[0].seeds:
        run = place.results / "tiny" / "runs" / seed.train_id
        (run / "artifacts" / "per_datum.safetensors").unlink()
        write_manifest(run)
    lines = [x for x in place.compare("tiny", "tiny").lines if x.match.column.metric == "elbo"]
    tests = {line.match.labels[0]: line.test for line in lines}
    assert tests["vae"] == "seeds"
    assert tests["beta_vae"] == "images and seeds"
    of = {line.match.labels[0]: line.first.of for line in lines}
    assert of["vae"] < of["beta_vae"]
