"""What a metric is, and how tables, figures, comparisons and the gate treat it: one record.

An evaluator declares it, the suite stores it, and whoever reads a suite's numbers decides by it.
No name of a metric decides anything anywhere else.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, model_validator

Kind = Literal["exact", "lower_bound", "upper_bound", "estimate"]
Better = Literal["higher", "lower", "none"]
Role = Literal["headline", "detail", "diagnostic"]
PlotKind = Literal["none", "points", "bounds", "curve", "stacked", "steps", "bars"]
Slot = Literal["", "likelihood", "reconstruction", "rate", "samples"]
PLOTS_OF_A_NUMBER: tuple[PlotKind, ...] = ("none", "points", "bounds")
PLOTS_OF_PARTS: tuple[PlotKind, ...] = ("none", "points", "curve", "stacked", "steps", "bars")
NATS_MARGIN = 0.5
"""The margin of a metric in nats that states none."""


class Parts(BaseModel):
    """How a metric of several parts, ``metric[part]``, is shown.

    Attributes:
        names: What parts are called, where that is not their own name.
        head: Column head of a part, with ``{}`` for its name.
        caption: Below the figure.
        note: Below the table.
        beside: Other metrics that belong to the same figure, with what they are called there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: dict[str, str] = Field(default_factory=dict)
    head: str = "{}"
    caption: str = ""
    note: str = ""
    beside: dict[str, str] = Field(default_factory=dict)

    def name(self, part: str) -> str:
        """Return what a part is called."""
        return self.names.get(part, part.replace("_", " "))


class Metric(BaseModel):
    """A metric's meaning, and its treatment.

    Attributes:
        name: In tables, and of the evaluator.
        version: Raised whenever the number can change for the same model and data.
        unit: Of the value.
        better: Which direction is better, ``none`` where neither is.
        kind: What the value is of the quantity it is named for, in expectation.
        title: What a person calls it.
        formula: In plain Unicode.
        description: One sentence.
        cites: Papers, as ``Author2016:eq8``.
        marginal_metric: What the number is called once the label of a conditional model is
            summed out; None for every other metric.
        place: Tables are sorted by it.
        role: A ``headline`` gets a table of paired differences, a ``detail`` only marks in the
            comparison; a ``diagnostic`` is about an estimator or a code, not about who is best.
        paired: Whether models are compared datum by datum; by default if there is no ``reduce``.
        own_error: Whether its standard error holds all noise but that of training, so that two
            trained networks can be told apart by it; by default for evaluators of samples.
        not_compared: Why its numbers are never compared between models; empty where they are.
        note: What must be said once below a table that has its column.
        warning: What must be said wherever the number appears; it is then never marked as best.
        margin: How far the number may move before the gate cares, in its unit; None if undeclared.
        log_density: Whether it is about a log density of the data, which moves more between seeds
            on grey levels than on binary pixels.
        gated: Whether the gate holds it.
        plot: How it is drawn.
        hollow: Whether its marker is hollow among those of one figure.
        tightness: Order of lower bounds on log p(x), the loosest first; 0 where it is none.
        estimator: Its name among estimators of log p(x) that are set side by side.
        term: Its part in the ELBO, which is reconstruction less rate.
        leaderboard: The column of the leaderboard that its numbers may stand in: every exact value
            or lower bound on log p(x) may be a model's ``likelihood``; of several metrics of
            another column the one of the lowest ``place`` leads.
        selects: Its rank among the criteria by which the settings of a model are chosen on
            validation data: the first one that the model has decides; 0 where it is none.
        short: What it is called where there is little room; empty: as in tables.
        option_names: What options are called below the metric's name, where that is not their
            own name; an empty name hides one that changes the number's noise, not its meaning.
        parts: Set for a metric of several parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: NonNegativeInt
    unit: str
    better: Better
    kind: Kind
    title: str
    formula: str = ""
    description: str = ""
    cites: tuple[str, ...] = ()
    marginal_metric: str | None = None
    place: int = 500
    role: Role = "headline"
    paired: bool = True
    own_error: bool = False
    not_compared: str = ""
    note: str = ""
    warning: str = ""
    margin: PositiveFloat | None = None
    log_density: bool = False
    gated: bool = True
    plot: PlotKind = "points"
    hollow: bool = False
    tightness: int = 0
    estimator: str = ""
    term: Literal["", "rate", "reconstruction"] = ""
    leaderboard: Slot = ""
    selects: NonNegativeInt = 0
    short: str = ""
    option_names: dict[str, str] = Field(default_factory=dict)
    parts: Parts | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        """Fill in what follows from unit and direction."""
        if isinstance(values, Mapping) and values.get("unit") == "nats":
            return {"margin": NATS_MARGIN} | dict(values)
        return values

    @model_validator(mode="after")
    def _drawable(self) -> "Metric":
        plots = PLOTS_OF_PARTS if self.parts else PLOTS_OF_A_NUMBER
        if self.plot not in plots:
            what = "of several parts" if self.parts else "without parts"
            raise ValueError(f"plot '{self.plot}': a metric {what} has one of {', '.join(plots)}")
        return self

    @model_validator(mode="after")
    def _comparable(self) -> "Metric":
        likelihood = ("nats", "higher", None)
        if self.leaderboard == "likelihood" and (self.unit, self.better, self.parts) != likelihood:
            raise ValueError("leaderboard 'likelihood': its numbers are in nats, higher is better")
        return self

    @property
    def directed(self) -> bool:
        """Whether one direction is better."""
        return self.better != "none"

    @property
    def ranked(self) -> bool:
        """Whether models are compared by it datum by datum, and the best may be marked."""
        return self.paired and self.directed and not (self.warning or self.not_compared)

    @property
    def claims_likelihood(self) -> bool:
        """Whether each value is a claim about log p(x) of a datum, which can be certified."""
        is_claim = self.log_density and self.kind != "estimate" and not self.term
        return is_claim and self.role != "diagnostic"

    @classmethod
    def undeclared(cls, name: str, unit: str, better: str, kind: str, version: int) -> "Metric":
        """Return the record of a number of which nothing but its row in a table is known."""
        whole = name.partition("[")[0]
        known = {"unit": unit, "better": better, "kind": kind, "version": version}
        return cls.model_validate({"name": whole, "title": whole.replace("_", " "), **known})


Metrics = Mapping[str, Metric]
"""Records by the name that their numbers have in a table."""


def by_name(metrics: Iterable[Metric]) -> Metrics:
    """Return records by the name in tables; a marginal one where there is no other."""
    known = list(metrics)
    marginal = {m.marginal_metric: m for m in known if m.marginal_metric}
    return marginal | {m.name: m for m in known if not m.marginal_metric}
