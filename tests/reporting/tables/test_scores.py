"""The table of somebody's samples: metrics down, sets across."""

import math

import pandas as pd

from genbench.core.texts import Terminal
from genbench.reporting.tables.scores import score_table
from genbench.reporting.tables.text import text_tables


def row(model, metric, value, stderr=0.1, n=100, **more):
    known = {"model": model, "metric": metric, "value": value, "stderr": stderr, "n": n}
    return known | {"better": "lower", "reason": ""} | more


FRAME = pd.DataFrame(
    [
        row("external:mine", "near[pca8]", 3.14159, 0.25),
        row("external:mine", "wide", math.nan, math.nan, reason="50 images are too few"),
        row("real images", "near[pca8]", 0.51234, n=50),
        row("real images", "wide", 2.0, math.nan, n=50, better="higher"),
    ]
)


def test_the_samples_come_first_with_their_errors_and_controls_without():
    table = score_table(FRAME, "Mine")
    assert [head.text for head in table.heads] == ["metric", "external:mine", "real images"]
    assert [cell.number for cell in table.rows[0]] == ["near[pca8] ↓", "3.14 ± 0.25", "0.512"]


def test_what_has_no_number_says_why():
    samples, control = score_table(FRAME, "Mine").rows[1][1:]
    assert (samples.text, samples.note) == ("–", "50 images are too few")
    assert control.text == "2"


def test_another_size_than_that_of_the_samples_is_stated_once():
    heads = score_table(FRAME, "Mine").heads
    assert [head.below for head in heads] == [(), (), ("n = 50",)]
    same = FRAME.assign(n=100)
    assert not any(head.below for head in score_table(same, "Mine").heads)


def test_a_metric_that_a_set_lacks_is_a_dash():
    table = score_table(FRAME.iloc[:3], "Mine")
    assert table.rows[1][2].text == "–"


def test_what_stands_beside_a_number_has_a_row_below_it():
    health = ['{"auc": 0.75, "p_value": 0.0321}', "{}", '{"auc": 0.5, "p_value": 1e-9}', ""]
    rows = score_table(FRAME.assign(health=health), "Mine").rows
    assert [row[0].text for row in rows] == ["near[pca8] ↓", "near: AUC", "near: p", "wide ↓"]
    assert [[cell.text for cell in row[1:]] for row in rows[1:3]] == [
        ["0.75", "0.5"],
        ["0.032", "< 0.001"],
    ]


def test_the_table_fits_80_columns():
    text = text_tables([score_table(FRAME, "Mine")], Terminal(80))
    assert max(map(len, text.splitlines())) <= 80
    assert "50 images are too few" in text
