"""Key sets: each way in which two sides can fail to hold the same numbers is named."""

import pytest

from genbench.gate.entries import absent, stable_name
from genbench.gate.keys import mismatches
from tests.gate.tables import (
    NUMBERS,
    PROTOCOL,
    entries_of,
    entry,
    frame_of,
    row,
    table,
    train_id,
    without_number,
)

BASE = entries_of(table())


def told(then, now, missing=()):
    return [m.text for m in mismatches(then, now, missing)]


def test_equal_sets_have_no_mismatch():
    assert told(BASE, entries_of(table(salt="other runs"))) == []


def test_missing_and_extra_numbers_are_named():
    fewer = [e for e in BASE if e.metric != "elbo"]
    assert told(BASE, fewer) == ["missing: vae elbo (in the baseline only)"]
    assert told(fewer, BASE) == ["extra: vae elbo (in the results only)"]


def test_a_number_that_no_longer_applies_is_missing_with_the_reason():
    rows = table({k: v for k, v in NUMBERS.items() if k[1] != "kl"}).to_dict("records")
    lost = [without_number("vae", "kl", s, "not_applicable", "no posterior(x)") for s in (0, 1)]
    frame = frame_of([*rows, *lost])
    found = told(BASE, entries_of(frame), absent(frame))
    assert found == ["missing: vae kl (seed 0 not applicable: no posterior(x))"]


def test_a_failed_number_is_no_mismatch():
    rows = table({k: v for k, v in NUMBERS.items() if k[1] != "kl"}).to_dict("records")
    frame = frame_of([*rows, without_number("vae", "kl", 1, "failed", "not finite")])
    assert told(BASE, entries_of(frame), absent(frame)) == []


def test_a_renamed_model_is_recognised_by_its_runs():
    renamed = [e.model_copy(update={"model": "big_vae"}) if e.model == "vae" else e for e in BASE]
    found = told(BASE, renamed)
    assert len(found) == 3
    assert "renamed: vae elbo (now big_vae elbo)" in found


def test_a_renamed_metric_is_recognised_by_its_values():
    renamed = [e.model_copy(update={"metric": "bound"}) if e.metric == "elbo" else e for e in BASE]
    assert told(BASE, renamed) == ["renamed: vae elbo (now vae bound)"]


def test_names_of_tables_without_runs_are_never_guessed():
    then, now = (entry(model=m, train_ids=("", "")) for m in ("a", "b"))
    assert [m.what for m in mismatches([then], [now])] == ["missing", "extra"]


def test_another_protocol_is_named_with_both():
    other = PROTOCOL.replace("static", "dynamic")
    found = told([entry()], [entry(protocol=other)])
    assert found == [f"other protocol: vae elbo (baseline {PROTOCOL}, now {other})"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"version": 2}, "other evaluator version: vae elbo (baseline 1, now 2)"),
        (
            {"options": '{"n_samples":5}'},
            'other options: vae elbo (baseline {}, now {"n_samples":5})',
        ),
        ({"n": 20}, "other number of data: vae elbo (baseline 40, now 20)"),
        ({"unit": "bits"}, "other unit: vae elbo (baseline nats, now bits)"),
        ({"better": "lower"}, "other direction: vae elbo (baseline higher, now lower)"),
        ({"kind": "exact"}, "other kind: vae elbo (baseline lower_bound, now exact)"),
    ],
)
def test_what_a_number_is_must_agree(changes, what):
    assert told([entry()], [entry(**changes)]) == [what]


def test_another_number_of_seeds_is_named():
    found = told([entry()], [entry(values=(-23.6, -23.5, -23.4))])
    assert found == ["other number of seeds: vae elbo (baseline 2, now 3)"]


def test_other_seeds_of_the_same_number_compare():
    assert told([entry()], [entry(seeds=(5, 6))]) == []


def test_two_protocols_of_one_model_and_metric_are_two_numbers():
    given = f"{PROTOCOL}|label"
    rows = [row("cvae", "elbo", 0, -20.0, protocol=given), row("cvae", "elbo", 0, -21.0)]
    found = entries_of(frame_of(rows))
    assert [e.name for e in found] == ["cvae elbo", "cvae elbo given label"]
    assert told(found, found) == []


def test_a_fitted_scale_is_no_part_of_a_models_name():
    old, new = ([row(f"gan+normal({s})", "elbo", 0, 1.0)] for s in ("0.13", "0.2 to 0.3"))
    assert told(entries_of(frame_of(old)), entries_of(frame_of(new))) == []
    assert stable_name("normal_vae(2)") == "normal_vae(2)"


def test_parts_without_a_direction_and_points_of_the_curve_are_left_out():
    rows = [row("vae", m, 0, 1.0) for m in ("kl[0]", "iw_curve[K=5]", "accuracy[3]")]
    assert [e.metric for e in entries_of(frame_of(rows))] == ["accuracy[3]"]


def test_two_rows_of_one_seed_are_refused():
    rows = [row("vae", "elbo", 0, 1.0), row("vae", "elbo", 0, 2.0)]
    with pytest.raises(ValueError, match="vae elbo: two rows for one seed"):
        entries_of(frame_of(rows))


def test_seeds_that_saw_other_data_are_refused():
    rows = [row("vae", "elbo", 0, 1.0, n=40), row("vae", "elbo", 1, 1.0, n=20)]
    with pytest.raises(ValueError, match="seeds differ in n"):
        entries_of(frame_of(rows))


def test_entries_hold_the_mean_and_the_spread_over_seeds():
    found = entry((1.0, 3.0))
    assert (found.mean, found.sd, found.stderr) == (2.0, pytest.approx(2**0.5), pytest.approx(0.1))
    assert found.train_ids == (train_id("vae", 0), train_id("vae", 1))
    assert entry((1.0,)).sd is None
