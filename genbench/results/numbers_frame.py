"""Metrics as Python sees them: the numbers come first, what they come from comes last."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from textwrap import fill

import pandas as pd

from genbench.core.metric import Metric, Metrics
from genbench.core.protocol import Protocol
from genbench.results.cells import settings_text
from genbench.results.columns import COLUMNS
from genbench.results.metrics_table import OPTIONAL, with_metrics
from genbench.results.suite import StoredSuite

NUMBERS = ("model", "metric", "value", "stderr", "n", "kind")
"""The first columns of every frame."""
FRAME_COLUMNS = (
    *NUMBERS,
    "settings",
    "unit",
    "better",
    "seed",
    "status",
    "reason",
    "mc_stderr",
    "health",
    "suite",
    "dataset",
    "protocol",
    "split",
    "evaluator_version",
    "options",
    "train_id",
)
"""All columns of a frame: those of ``metrics.csv`` and ``settings``."""
MOST_REASONS = 8
"""How many reasons for missing numbers are printed below a frame."""
_NUMERIC = ("seed", "value", "stderr", "n", "evaluator_version", "mc_stderr")
_EMPTY = ("", "{}")


class NumbersFrame(pd.DataFrame):
    """A DataFrame that prints its first columns, as many as fit, where others hide the middle.

    Where there are several seeds, they stand beside the models. Where there is no number, the
    reason is printed below.
    """

    @property
    def _constructor(self) -> Callable[..., "NumbersFrame"]:
        return NumbersFrame

    def __repr__(self) -> str:
        plain = pd.DataFrame(self)
        if pd.get_option("display.max_columns") != 0:  # the user or a notebook chose a number
            return repr(plain)
        width, places = shutil.get_terminal_size().columns, self._in_print()
        for n in range(self.shape[1], 0, -1):
            text = self._text(places[:n])
            if max(map(len, text.splitlines())) <= width:
                break
        else:
            return repr(plain)
        hidden = ", ".join(map(str, self.columns[places[n:]]))
        shape = f"[{len(self)} rows x {self.shape[1]} columns; further right: {hidden}]"
        parts = (text, *self._reasons(width), fill(shape, width) if hidden else "")
        return "\n\n".join(part for part in parts if part)

    def _reasons(self, width: int) -> Iterator[str]:
        """Yield why numbers are missing, each reason with its metrics."""
        if not {"model", "metric", "value", "status", "reason"} <= set(self.columns):
            return
        lacking = self[self["value"].isna() & (self["reason"] != "")]
        several = self["model"].nunique() > 1
        groups = lacking.groupby(["model", "status", "reason"], sort=False)["metric"]
        for (model, status, reason), metrics in list(groups)[:MOST_REASONS]:
            names = ", ".join(dict.fromkeys(metrics))
            subject = f"{model}: {names}" if several else names
            text = f"{subject}: {str(status).replace('_', ' ')}: {reason}"
            yield fill(text, width, subsequent_indent="  ", break_on_hyphens=False)
        if len(groups) > MOST_REASONS:
            yield f"and {len(groups) - MOST_REASONS} reasons more, in the column reason"

    def _in_print(self) -> list[int]:
        """Return the places of the columns, as they are printed."""
        names, places = list(self.columns), list(range(self.shape[1]))
        if names.count("model") == names.count("seed") == 1 and self["seed"].nunique() > 1:
            places.remove(names.index("seed"))
            places.insert(places.index(names.index("model")) + 1, names.index("seed"))
        return places

    def _text(self, places: list[int]) -> str:
        names = ("max_rows", "min_rows", "max_colwidth")
        limits = {name: pd.get_option(f"display.{name}") for name in names}
        text: str = pd.DataFrame(self).iloc[:, places].to_string(**limits)
        return text


def numbers_first(
    frame: pd.DataFrame, metrics: Metrics, given: Sequence[str] | None = None
) -> NumbersFrame:
    """Order the columns of ``metrics.csv`` for people and add ``settings``.

    The records of the metrics are kept in ``attrs`` for the gate to read.

    Args:
        frame: A table with the columns of ``metrics.csv``.
        metrics: Records of its metrics by name.
        given: What each number is given, in words; as the protocols say unless stated.
    """
    conditions = given or [Protocol.parse(text).given for text in frame["protocol"]]
    rows = zip(frame["metric"], frame["options"], conditions, strict=True)
    settings = pd.Series([_settings(*row, metrics) for row in rows], frame.index, dtype="str")
    others = [name for name in frame if name not in FRAME_COLUMNS]
    arranged = NumbersFrame(frame.assign(settings=settings)[[*FRAME_COLUMNS, *others]])
    with_metrics(arranged, metrics)
    return arranged


def _settings(metric: str, options: str, condition: str, metrics: Metrics) -> str:
    """Return what tells numbers of one metric apart: ``K = 100, given the label``."""
    record = metrics.get(metric.partition("[")[0])
    chosen = settings_text(options, record.option_names if record else {})
    return ", ".join(part for part in (chosen, condition) if part)


def stored_numbers(suite: StoredSuite) -> NumbersFrame:
    """Return the table of a suite, or of a collection and its members, rows with a number first."""
    frame = numbers_first(suite.table, _records(suite))
    order = frame["value"].isna().to_numpy().argsort(kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def _records(suite: StoredSuite) -> dict[str, Metric]:
    """Return the records of a suite's metrics by name, with those of a collection's members."""
    members = [suite.member(name) for name in suite.record.members]
    known = [_records(member) for member in members if member]
    return {k: v for records in (*known, suite.metrics) for k, v in records.items()}


def without_empty_columns(frame: NumbersFrame) -> NumbersFrame:
    """Leave out the columns in which no row has anything; the first ones always stay."""
    empty = frame.isna() | frame.isin(_EMPTY)
    return frame[[name for name in frame if name in NUMBERS or not empty[name].all()]]


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with all columns of ``metrics.csv``: those left out are empty again."""
    texts = {name: OPTIONAL.get(name, "") for name in COLUMNS if name not in _NUMERIC}
    lacking = {name: texts.get(name, float("nan")) for name in COLUMNS if name not in frame}
    return frame.assign(**lacking).fillna(texts)
