"""Evaluation of a user's own model, by its methods alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, methods_of
from genbench.core.errors import ConfigError, did_you_mean, require_known
from genbench.core.files import canonical_json
from genbench.core.held import tensors_in
from genbench.core.metric import Metrics, by_name
from genbench.core.names import names_in
from genbench.core.protocol import Protocol
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import Row, Task, TaskResult, evaluate_model, make_task
from genbench.evaluation.spec import Evaluator
from genbench.evaluation.user.adapter import KINDS, Adapted, adapt
from genbench.evaluation.user.data import check_labels
from genbench.evaluation.user.fitting import check_data
from genbench.evaluation.user.held_out import held_out
from genbench.evaluation.user.steadiness import note_habits
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import NumbersFrame, numbers_first, without_empty_columns
from genbench.training.threads import float32_products

FEW = 1.5
"""With fewer effective draws than this, one draw decides and its error cannot be known."""


def evaluate(
    model: Any,
    x: Any,
    y: Any = None,
    evaluators: str | Sequence[str] = ("elbo", "iw_log_likelihood"),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    *,
    kind: str | None = None,
    **data: Any,
) -> pd.DataFrame:
    """Evaluate your own model: any object with the methods that the evaluators need.

    It needs no base class. A method that is missing, fails or returns what cannot be used costs the
    metrics that need it: their rows say what was found, what was expected, and the shortest fix.
    :func:`genbench.check_model` says all of that at once.

    ``posterior(x)`` may return any torch distribution; the KL has a closed form where torch knows
    one, else it is a Monte-Carlo estimate, and its row says so. Modules are in eval mode during the
    call, wherever the model holds them, and log probabilities have 32 bits or more.

    Args:
        model: Has ``prior()``, ``observation_model(z)``, ``posterior(x)`` and so on.
        x: Data (N, ...), flat or image-shaped, in a tensor, array, list, torch ``Dataset`` or
            ``DataLoader``; they get the device and dtype of the model's weights. Or the name or
            path of a data set: then the model is evaluated on its whole test set as in a suite.
        y: Labels (N,), for a model with ``given(y)``; those of a data set are its own.
        evaluators: Names, or one, as in ``python -m genbench list evaluators``.
        options: Per evaluator, for example ``{"iw_log_likelihood": {"n_samples": 500}}``.
        seed: Root of all noise; the same seed gives the same numbers.
        kind: What ``log_prob(x)`` is of log p(x): ``exact``, ``lower_bound``, ``upper_bound`` or
            ``estimate``. By default what its attribute ``log_prob_kind`` says, else exact.
        data: With a name or path: ``binarisation``, ``dequantisation``, ``limit`` and so on, as in
            :func:`genbench.load_data`; ``data_seed`` is the seed of the pixels' noise.

    Returns:
        One row per metric. The first columns are those of :func:`genbench.load_results`; empty
        columns are left out. Evaluators that do not apply have status ``not_applicable`` and the
        reason; one that sums a label out, such as ``label_marginal_log_likelihood``, has a row
        only where it applies.

    Raises:
        ConfigError: Unknown evaluator or option, x is empty or not finite, has another shape than
            the model's images or lies outside the observation model's support, y are not N labels,
            or ``model`` is a class.
        DataError: A file of the data set is missing or damaged.

    Example:
        >>> model = load_model("mnist", "vae")  # doctest: +SKIP
        >>> evaluate(model, "mnist", binarisation="dynamic")  # doctest: +SKIP
    """
    tasks = tasks_of(evaluators, options)
    require_model(model)
    if kind is not None:
        require_known(kind, KINDS, "kind: unknown")
    with torch.inference_mode(False), float32_products():  # some evaluators take gradients
        held = tensors_in(model)
        device = held[0].device if held else torch.device("cpu")
        found = held_out(x, y, device, data)
        x, y = for_model(found.x, held), found.y
        adapted = adapt(model, x.shape[1:], kind)
        y = None if y is None else check_labels(y, adapted, len(x)).to(x.device)
        context = found.context(adapted, seed)
        with context.stream.seeded():  # the model may draw where evaluators do not
            measure = check_data(adapted, x, y, not found.x.is_floating_point(), context.stream)
            note_habits(adapted, x, y, context.stream)
            outcomes = evaluate_model(x, y, tasks, context)
    rows = remarked(tasks, outcomes, adapted, x)
    return _table(rows, model, adapted, seed, _metrics(tasks), found.protocol(adapted, measure))


def tasks_of(
    evaluators: str | Sequence[str], options: Mapping[str, Mapping[str, Any]] | None
) -> list[Task]:
    """Return the evaluators with their options.

    Raises:
        ConfigError: One is unknown, or options are given to one that is not evaluated.
    """
    names, given = names_in(evaluators), dict(options or {})
    for name in given:
        if name not in names:
            raise ConfigError(f"options.{name}: not evaluated; {did_you_mean(name, names)}")
    return [make_task(name, given.get(name)) for name in names]


def require_model(model: Any) -> None:
    """Refuse what is no model at all.

    Raises:
        ConfigError: It is a class, a file, or the weights of a model.
    """
    if isinstance(model, type):
        raise ConfigError(
            f"model is the class {model.__name__}: pass an object, {model.__name__}()"
        )
    if isinstance(model, str | Path):
        raise ConfigError(f"model is the text '{model}': genbench.load_model loads a stored one")
    if isinstance(model, Mapping | Tensor | list | tuple | type(None)):
        what = type(model).__name__
        raise ConfigError(f"model is a {what}: pass an object with methods such as posterior(x)")


def for_model(x: Tensor, held: Sequence[Tensor]) -> Tensor:
    """Return data on the device of a model's tensors and in their dtype, or in float32 at least."""
    default = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    own = next((t.dtype for t in held if t.is_floating_point()), default)
    device = held[0].device if held else x.device
    return x.to(device, torch.promote_types(own, torch.float32))


def remarked(
    tasks: Iterable[Task], outcomes: Iterable[TaskResult], model: Any, x: Tensor
) -> list[Row]:
    """Return the rows, each with what must be said beside its number."""
    about = _about_range(model, x) if isinstance(model, Adapted) else {}
    return [
        _with_remarks(row, remarks)
        for task, outcome in zip(tasks, outcomes, strict=True)
        for remarks in [_remarks(task.evaluator, model, about)]
        for row in outcome.rows
    ]


def _remarks(evaluator: Evaluator, model: Any, about: Mapping[str, str]) -> list[str]:
    """Return what was remarked on the methods that an evaluator may call."""
    if not isinstance(model, Adapted):
        return []
    known = model.facts.remarks
    methods = sorted({name for need in evaluator.needs for name in methods_of(need)})
    of_images = [about[name] for name in methods if name in about]
    return [text for name in methods for text in sorted(known.get(name, ()))] + of_images[:1]


def _about_range(model: Adapted, x: Tensor) -> dict[str, str]:
    """Return what to say, by method, if images that the model made have another range than x."""
    ranges = {"x": _range(float(x.min()), float(x.max()))}
    ranges |= {name: _range(*seen) for name, seen in model.facts.ranges.items()}
    return {
        name: f"its images by {name} are in {found}, x in {ranges['x']}"
        for name, found in ranges.items()
        if "" not in (found, ranges["x"]) and found != ranges["x"]
    }


def _range(low: float, high: float) -> str:
    """Return the usual range of intensities that numbers lie in; empty if it is none of them."""
    if low >= -0.01 and high <= 1.01:
        return "[0, 1]"
    if low >= -1.01 and high <= 1.01:
        return "[-1, 1]"
    return "[0, 255]" if low >= -0.5 and 2 < high <= 255.5 else ""


def _with_remarks(row: Row, remarks: Sequence[str]) -> Row:
    """Return a row with remarks; where one draw decides, without its Monte-Carlo error."""
    if row.status != "ok":
        return row
    ess = row.health.get("ess", FEW)
    if ess < FEW and row.mc_stderr is not None:
        found = f"effective sample size {ess:.2g}: one draw decides, its error is unknown"
        row, remarks = replace(row, mc_stderr=None), [found, *remarks]
    return replace(row, reason="; ".join(part for part in (row.reason, *remarks) if part))


def _metrics(tasks: Iterable[Task]) -> Metrics:
    return by_name(task.evaluator.record for task in tasks)


def _table(
    rows: Sequence[Row],
    model: Any,
    adapted: Any,
    seed: int,
    metrics: Metrics,
    protocol: Protocol | None,
) -> NumbersFrame:
    shared = dict.fromkeys(COLUMNS, "") | {"model": type(model).__name__, "seed": seed}
    frame = pd.DataFrame([shared | vars(row) for row in rows], columns=list(COLUMNS))
    for column in ("options", "health"):
        frame[column] = frame[column].map(canonical_json)
    frame = frame.astype({"n": "Int64", "value": float, "stderr": float, "mc_stderr": float})
    if protocol is None:
        conditional = isinstance(adapted, Conditions)
        given = ["given the label" if conditional and not row.marginal else "" for row in rows]
        return without_empty_columns(numbers_first(frame, metrics, given))
    of_rows = [protocol.without_label if row.marginal else protocol for row in rows]
    named = frame.assign(
        protocol=[one.text for one in of_rows], dataset=protocol.dataset, split=SPLIT
    )
    return without_empty_columns(numbers_first(named, metrics))
