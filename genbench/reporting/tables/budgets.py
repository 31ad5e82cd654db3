"""Budgets and selection: what each model was given, how it was chosen, and whether it converged."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from genbench.core import numbers
from genbench.core.files import canonical_json
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    count_cell,
    heads_of,
    measured_cell,
    row_of,
)
from genbench.results.budgets import Budget

MOST_SEEDS = 20
"""Seeds of a model that are listed one by one, where they are consecutive."""
_WORDS = (
    "what it is", "seeds", "training", "evaluation", "search", "chosen settings", "weights",
    "converged", "why", "options", "chosen",
)  # fmt: skip
_HEADS = (
    "model", "parameters", "steps", "batch size", "images seen", "seeds", "training", "evaluation",
    "search", "chosen settings", "weights", "converged", "why",
)  # fmt: skip
_TRIAL_HEADS = (
    "model", "trial", "options", "parameters", "steps", "seconds", "criterion", "chosen",
)  # fmt: skip
_STEPS = "Steps are those of the optimiser in the whole training."
_TIMES = "Training and evaluation: seconds of one seed, shortest to longest"
_SEARCHED = (
    "The settings were chosen by the criterion on validation data; no test data was read."
    " Seconds of a search are those of all its trials."
)
_UNSEARCHED = "No search is recorded: the settings are those that the suite file states."
_SELECTED = (
    "Weights: the epoch whose weights were kept, and by what. A validation loss is that of the"
    " training objective, beta included, whatever the table of results compares."
)
_CONVERGED = (
    "Converged: no where the validation loss of the training objective still fell over the last"
    " tenth of training by more than 1.96 standard errors, means over seeds."
)


def budget_tables(budgets: Sequence[Budget]) -> list[SmallTable]:
    """What each model was given and how it was chosen; the trials; all options."""
    if not budgets:
        return []
    trials = [_trial_table(budgets)] if any(budget.trials for budget in budgets) else []
    return [_budget_table(budgets), *trials, _options(budgets)]


def _budget_table(budgets: Sequence[Budget]) -> SmallTable:
    trained = [budget for budget in budgets if budget.is_trained]
    devices = dict.fromkeys(device for budget in budgets for device in _devices(budget))
    device = next(iter(devices)) if len(devices) == 1 else ""
    seeds = dict.fromkeys(map(_seeds, budgets))
    common = next(iter(seeds)) if len(seeds) == 1 < len(budgets) else ""
    said = (
        _STEPS,
        f"{_TIMES}, on {device}." if device else f"{_TIMES}, and the device.",
        f"Training seeds of each: {common}." if common else "",
        _SEARCHED if any(b.trials for b in trained) else _UNSEARCHED if trained else "",
        _SELECTED if any(_weights(b).text for b in trained) else "",
        _CONVERGED if any(b.fall for b in trained) else "",
    )
    table = SmallTable(
        "budgets",
        "Budgets and selection",
        heads_of(*_HEADS, words=_WORDS),
        tuple(_budget(budget, common, device) for budget in budgets),
        " ".join(filter(None, said)),
        _shared(trained),
    )
    return _present(table)


def _present(table: SmallTable) -> SmallTable:
    """The table without empty columns, and with a dash where else there is nothing."""
    kept = table.without_empty()
    rows = (tuple(cell if cell.line else TableCell("–") for cell in row) for row in kept.rows)
    return replace(kept, rows=tuple(rows))


def _shared(trained: Sequence[Budget]) -> str:
    """Say whether all trained models have one budget, and which of the others give no reason."""
    known = [budget for budget in trained if budget.first.steps is not None]
    kinds = Counter((budget.first.steps, budget.batch_size) for budget in known)
    if len(known) < 2:
        return ""
    (steps, size), n = kinds.most_common(1)[0]
    usual = f"{numbers.grouped(steps)} steps of {numbers.grouped(size)} images"
    if n == len(known):
        return f"All {n} trained models take {usual}."
    others = [b for b in known if (b.first.steps, b.batch_size) != (steps, size)]
    silent = ", ".join(b.first.model for b in others if not b.why)
    end = f"; no reason is stated for {silent}." if silent else ", for the reasons stated."
    return f"{n} of {len(known)} trained models take {usual}; the others differ{end}"


def _budget(budget: Budget, seeds: str, device: str) -> Row:
    """A row, without the seeds and the device that the caption states for all."""
    run = budget.first
    return row_of(
        _model(budget),
        _count(run.n_parameters),
        _count(run.steps),
        _count(budget.batch_size),
        _count(budget.images),
        "" if seeds else _seeds(budget),
        _training(budget, device),
        _seconds(budget, "evaluate_seconds"),
        _search(budget),
        _settings(budget.chosen.options) if budget.chosen else "",
        _weights(budget),
        _converged(budget),
        budget.why,
    )


def _model(budget: Budget) -> TableCell:
    badge = "control" if budget.control else ""
    return TableCell(budget.first.model, badge=badge, model=budget.first.model)


def _what(budget: Budget) -> TableCell:
    run = budget.first
    recipe = "" if run.trained_elsewhere else f"recipe {run.recipe}" if run.recipe else ""
    seen = "" if run.observation in (None, "none") else run.observation or ""
    return TableCell(run.about or "", below=tuple(filter(None, (recipe, seen))))


def _count(n: int | None) -> TableCell:
    return TableCell() if n is None else count_cell(n)


def _seeds(budget: Budget) -> str:
    """Seeds, in order; the first and the last of many that leave none out."""
    seeds = [run.seed for run in budget.runs]
    if len(seeds) > MOST_SEEDS and seeds == [*range(seeds[0], seeds[-1] + 1)]:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _devices(budget: Budget) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.device for run in budget.runs if run.device))


def _training(budget: Budget, stated: str) -> TableCell:
    devices = () if stated else _devices(budget)
    if budget.first.trained_elsewhere:
        return TableCell("elsewhere")
    if not budget.is_trained:
        return TableCell("closed form", below=(_seconds(budget, "train_seconds"), *devices))
    return TableCell(_seconds(budget, "train_seconds"), below=devices)


def _seconds(budget: Budget, field: str) -> str:
    return " to ".join(dict.fromkeys(map(numbers.seconds, budget.seconds(field))))


def _search(budget: Budget) -> TableCell:
    """How many trials, how long, by what."""
    trials = budget.trials
    if not trials:
        return TableCell()
    seconds = sum(trial.seconds or 0.0 for trial in trials)
    criteria = dict.fromkeys(trial.metric for trial in trials if trial.metric)
    below = tuple(f"by {name} on validation data" for name in criteria)
    return TableCell(f"{len(trials)} trials, {numbers.seconds(seconds)}", below=below)


def _settings(options: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {_setting(value)}" for key, value in options.items())


def _setting(value: object) -> str:
    if isinstance(value, float):
        return numbers.cell(value)
    return value if isinstance(value, str) else canonical_json(value)


def _weights(budget: Budget) -> TableCell:
    """Which epoch's weights were kept, and by what."""
    epochs, select = (budget.first.train.get(key) for key in ("epochs", "select"))
    kept = sorted({run.selected_epoch for run in budget.runs if run.selected_epoch is not None})
    if not budget.is_trained or not kept:
        return TableCell()
    ends = " to ".join(map(str, dict.fromkeys((kept[0], kept[-1]))))
    return TableCell(f"epoch {ends} of {epochs}", below=(_criterion(budget, select),))


def _criterion(budget: Budget, select: object) -> str:
    if select == "last":
        return "the last"
    if not budget.validated:
        return "the last: no validation loss"
    beta = budget.first.options.get("beta", 1)
    included = f", beta = {_setting(beta)}" if beta != 1 else ""
    return f"lowest validation loss{included}"


def _converged(budget: Budget) -> TableCell:
    if budget.fall is None:
        return TableCell()
    fall, stderr = budget.fall
    text, error = numbers.measured(abs(fall), stderr)
    moved = "fell" if fall >= 0 else "rose"
    return TableCell("yes" if budget.converged else "no", below=(f"{moved} by {text} ± {error}",))


def _trial_table(budgets: Sequence[Budget]) -> SmallTable:
    rows = tuple(row for budget in budgets for row in _trials(budget))
    counts = {len(budget.trials) for budget in budgets if budget.trials}
    equal = f"Each model that was searched has {counts.pop()} trials. " if len(counts) == 1 else ""
    seeds = dict.fromkeys(t.seed for b in budgets for t in b.trials if t.seed is not None)
    trained = f"Trained with seed {next(iter(seeds))}. " if len(seeds) == 1 else ""
    caption = (
        f"{equal}{trained}The criterion is computed on validation data, ± is its standard error"
        " over them; the best trial of each model is chosen."
    )
    heads = heads_of(*_TRIAL_HEADS, words=_WORDS)
    table = SmallTable("trials", "Trials of the search", heads, rows, caption)
    return _present(table)


def _trials(budget: Budget) -> Iterator[Row]:
    for trial in budget.trials:
        criterion = TableCell("failed")
        if trial.value is not None:
            stderr = float("nan") if trial.stderr is None else trial.stderr
            criterion = measured_cell(trial.value, stderr, below=(trial.metric,))
        yield row_of(
            _model(budget),
            _count(trial.trial),
            _settings(trial.options),
            _count(trial.parameters),
            _count(trial.steps),
            TableCell(numbers.seconds(trial.seconds), value=trial.seconds),
            criterion,
            "chosen" if trial.chosen else "",
        )


def _options(budgets: Sequence[Budget]) -> SmallTable:
    rows = tuple((_model(b), _what(b), TableCell(_settings(_known(b)) or "none")) for b in budgets)
    heads = heads_of("model", "what it is", "options", words=_WORDS)
    return SmallTable("options", "The models, with all options", heads, rows).without_empty()


def _known(budget: Budget) -> dict[str, object]:
    run = budget.first
    fitted = {f"fitted {name}": value for name, value in run.fitted.items()}
    return {**run.options, **run.train, **fitted}
