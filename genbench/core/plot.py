"""What a figure shows, as data: declared by a study or a suite file, drawn by the report."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, model_validator

from genbench.core.errors import require_known
from genbench.core.names import LONGEST
from genbench.core.options import Line, Options, Text


class Plot(Options):
    """One figure over the rows of a table, or a grid of images.

    Attributes:
        name: Name of the file; unique within a study or a suite.
        title: Above the figure.
        caption: Below it: what is shown and how to read it.
        kind: ``lines`` and ``points`` over ``x``; ``bars`` per ``x``; ``images`` shows ``array``.
        table: A table of the study. In a suite file ``history`` (a row per run and epoch) or
            ``metrics`` (a row per run, a column per metric), both with the columns ``model``,
            ``recipe``, ``seed``, ``dataset`` and every option of the recipe and of training.
        x: Column along the horizontal axis.
        y: Columns along the vertical axis; each is drawn in its own style.
        hue: Column shown by colour.
        style: Column shown by dashes and markers.
        panel: Column with one panel per value.
        free_y: Whether each panel has its own vertical scale; otherwise they share one.
        x_label: Of the axis; by default the column.
        y_label: Likewise.
        log_x: Whether the axis is logarithmic.
        log_y: Likewise.
        error: Column of standard errors of the only ``y``, drawn as 95 % intervals.
        models: In a suite file: only these models; all if empty.
        array: Name of an array of the study, (rows, columns, H, W) or (rows, columns, H, W, 3) in
            [0, 1].
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=LONGEST)
    title: Line
    caption: Text = ""
    kind: Literal["lines", "points", "bars", "images"] = "lines"
    table: str = ""
    x: str = ""
    y: tuple[str, ...] = ()
    hue: str = ""
    style: str = ""
    panel: str = ""
    error: str = ""
    x_label: Line = ""
    y_label: Line = ""
    log_x: bool = False
    log_y: bool = False
    free_y: bool = False
    models: tuple[str, ...] = ()
    array: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Plot":
        needed = ("array",) if self.kind == "images" else ("table", "x", "y")
        for field in needed:
            if not getattr(self, field):
                raise ValueError(f"plot '{self.name}' of kind '{self.kind}' needs `{field}`")
        if self.error and len(self.y) != 1:
            raise ValueError(f"plot '{self.name}': `error` needs exactly one `y`")
        return self

    def require(self, columns: Iterable[str]) -> None:
        """Check that the table has every column that is drawn.

        Raises:
            ConfigError: A column is missing; names the key and the nearest column.
        """
        known = list(columns)
        single = ((key, getattr(self, key)) for key in ("x", "hue", "style", "panel", "error"))
        for key, column in (*single, *(("y", name) for name in self.y)):
            if column:
                require_known(column, known, f"plot.{self.name}.{key}: no column")
