"""What stands beside a number of samples: only where there is any, the worst p over seeds."""

import pandas as pd

from genbench.core.metric import Metric, by_name
from genbench.reporting.tables.sample_tests import sample_test_tables
from genbench.results.blocks import blocks_of
from genbench.results.columns import COLUMNS

PROTOCOL = "digits@88b38590/grey/1097+200+500 validation(seed=0)"
RECORDS = by_name(
    Metric(name=name, version=1, unit="share", better="lower", kind="estimate", title=name)
    for name in ("told", "plain")
)


def row(model, metric, seed, health="{}", value=0.5):
    known = {"suite": "s", "dataset": "digits", "protocol": PROTOCOL, "split": "test"}
    number = {"value": value, "stderr": 0.1, "n": 500, "unit": "share", "better": "lower"}
    about = {"kind": "estimate", "status": "ok", "reason": "", "evaluator_version": 1}
    return dict.fromkeys(COLUMNS, "") | known | number | about | {
        "model": model, "metric": metric, "seed": seed, "health": health, "options": "{}",
        "train_id": f"{model}{seed}", "mc_stderr": float("nan"),
    }  # fmt: skip


def tables(*rows):
    return sample_test_tables(blocks_of(pd.DataFrame(rows), RECORDS))


def test_a_number_has_its_p_value_and_the_area_and_others_have_no_row():
    (table,) = tables(
        row("gan", "told", 0, '{"auc": 0.75, "p_value": 0.01}'), row("gan", "plain", 0)
    )
    assert [head.text for head in table.heads] == ["model", "metric", "n", "value", "AUC", "p"]
    (line,) = table.rows
    assert [cell.text for cell in line] == ["gan", "told", "500", "0.50", "0.75", "0.01"]


def test_a_p_value_is_said_to_be_of_its_row_alone():
    (table,) = tables(row("gan", "told", 0, '{"p_value": 0.01}'))
    assert "of each row by itself: of many rows some are small by chance" in table.caption


def test_over_seeds_the_largest_p_stands_there():
    seeds = [row("gan", "told", seed, f'{{"p_value": {p}}}') for seed, p in enumerate((0.01, 0.2))]
    (table,) = tables(*seeds)
    assert table.rows[0][-1].text == "0.2"


def test_without_any_there_is_no_table():
    assert tables(row("gan", "plain", 0)) == []
