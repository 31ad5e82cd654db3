"""Contests between invented models: a block of numbers, and the values per datum behind them."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from genbench.core.protocol import Protocol
from genbench.evaluation import runner  # noqa: F401  it registers every evaluator
from genbench.evaluation.spec import evaluators
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock, SeedValue
from genbench.results.standings import leaderboard_of

N = 400
TEXT = "digits@1a2b3c4d/static(seed=0)/1000+200+{}/mass"
PROTOCOL = Protocol.parse(TEXT.format(N))


@dataclass(frozen=True)
class Number:
    """One number of a model.

    Attributes:
        metric: Its evaluator.
        means: Of each training seed; one alone is that of every seed of the contest.
        kind: Of the number, where it is not its metric's.
        n: Images behind it.
        noise: Standard deviation, per image, of what this number does not share with the others.
        n_failed: Seeds that have none.
        lost: Whether the values behind it are not stored.
    """

    metric: str
    means: tuple[float, ...]
    kind: str = ""
    n: int = N
    noise: float = 0.1
    n_failed: int = 0
    lost: bool = False


def number(metric, *means, **more):
    return Number(metric, means, **more)


def elbo(*means, **more):
    return number("elbo", *means, **more)


def exact(*means, **more):
    return number("log_likelihood", *means, **more)


class Stored:
    """Values per datum by train_id, in the place of the files."""

    def __init__(self):
        self.values = {}

    def of(self, block, column, cell):
        found = {seed.seed: self.values.get(seed.train_id) for seed in cell.seeds}
        return found if all(v is not None for v in found.values()) else None


def contest(models, controls=(), protocol=PROTOCOL, split="test", notes=None, seeds=3):
    """Return the block of these models' numbers, and the values behind them."""
    models = {m: [_repeated(found, seeds) for found in numbers] for m, numbers in models.items()}
    metrics = dict.fromkeys(found.metric for numbers in models.values() for found in numbers)
    columns, stored = tuple(map(column_of, metrics)), Stored()
    rows = []
    for model, numbers in models.items():
        known = {found.metric: cell_of(model, found, stored) for found in numbers}
        cells = tuple(known.get(column.metric, Cell("not_applicable")) for column in columns)
        rows.append(ModelRow(model, model, cells, model in controls, (notes or {}).get(model, "")))
    n = min(N, protocol.sizes[2] or N)
    return ProtocolBlock("digits", protocol, split, n, columns, tuple(rows)), stored


def _repeated(found, seeds):
    return replace(found, means=found.means * seeds) if len(found.means) == 1 else found


def board(controls=(), warnings=None, notes=None, seeds=3, sequential=False, n=N, **models):
    """Return the leaderboard of these models, each a number or several."""
    listed = {m: [one] if isinstance(one, Number) else list(one) for m, one in models.items()}
    protocol = Protocol.parse(TEXT.format(n))
    block, stored = contest(listed, controls, protocol, notes=notes, seeds=seeds)
    return leaderboard_of(replace(block, sequential=sequential), stored, warnings)


def column_of(metric):
    record = evaluators[metric].record
    name, kind = evaluators[metric].metric, record.kind
    return Column(name, "{}", 1, record.unit, record.better, kind, record)


def cell_of(model, found, stored):
    if not found.means:
        return Cell("diverged", n_seeds=found.n_failed)
    seeds, stderrs = [], []
    for seed, mean in enumerate(found.means):
        values = values_of(f"{model}/{found.metric}/{seed}", mean, found)
        seeds.append(SeedValue(seed, f"{model}/{found.metric}/{seed}", float(values.mean())))
        stderrs.append(values.std(ddof=1) / np.sqrt(found.n) if found.n > 1 else np.nan)
        if not found.lost:
            stored.values[seeds[-1].train_id] = values
    return Cell(
        "ok",
        value=float(np.mean([s.value for s in seeds])),
        stderr=float(np.mean(stderrs)),
        n_seeds=len(seeds) + found.n_failed,
        n_ok=len(seeds),
        n=found.n,
        kind=found.kind or evaluators[found.metric].record.kind,
        seeds=tuple(seeds),
    )


def values_of(name, mean, found):
    """Values of this mean: what all models find hard, and what this one does."""
    hard = np.random.default_rng(0).normal(0, 4, N)[: found.n]
    own = np.random.default_rng(zlib.crc32(name.encode())).normal(0, found.noise, found.n)
    return hard + own - (hard + own).mean() + mean
