"""Evaluation of a user's own model, by its methods alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from genbench.core.capabilities import Conditions
from genbench.core.devices import on_device
from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.files import canonical_json
from genbench.core.metric import Metrics, by_name
from genbench.core.names import names_in
from genbench.core.options import require_seed
from genbench.core.plugins import load_plugins
from genbench.core.protocol import Protocol
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.room import require_room_for
from genbench.evaluation.runner import Row, Task, eval_mode, evaluate_model, make_task
from genbench.evaluation.user.fitting import check_data
from genbench.evaluation.user.remarks import with_remarks
from genbench.evaluation.user.steadiness import note_habits
from genbench.evaluation.user.subject import Subject, subject_of
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import NumbersFrame, numbers_first, without_empty_columns
from genbench.training.precision import products_in


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
    require_seed(seed)
    load_plugins()
    tasks = tasks_of(evaluators, options)
    with torch.inference_mode(False), products_in("float32"):  # some evaluators take gradients
        subject = subject_of(model, x, y, kind, data)
        x = subject.x
        require_room_for(tasks, len(x), x[0].numel(), x.device, "options.")
        context = subject.data.context(subject.model, seed)
        # the model may draw where evaluators do not
        with on_device(x.device), context.stream.seeded(), eval_mode(model):
            measure = check_data(subject, context.stream)
            note_habits(subject, context.stream)
            outcomes = evaluate_model(x, subject.y, tasks, context)
    rows = [
        with_remarks(row, task.evaluator, subject.model, x)
        for task, outcome in zip(tasks, outcomes, strict=True)
        for row in outcome.rows
    ]
    metrics = by_name(task.evaluator.record for task in tasks)
    return _table(rows, subject, seed, metrics, subject.data.protocol(subject.model, measure))


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


def _table(
    rows: Sequence[Row], subject: Subject, seed: int, metrics: Metrics, protocol: Protocol | None
) -> NumbersFrame:
    shared = dict.fromkeys(COLUMNS, "") | {"model": type(subject.model).__name__, "seed": seed}
    frame = pd.DataFrame([shared | vars(row) for row in rows], columns=list(COLUMNS))
    for column in ("options", "health"):
        frame[column] = frame[column].map(canonical_json)
    frame = frame.astype({"n": "Int64", "value": float, "stderr": float, "mc_stderr": float})
    if protocol is None:
        conditional = isinstance(subject.model, Conditions)
        given = ["given the label" if conditional and not row.marginal else "" for row in rows]
        return without_empty_columns(numbers_first(frame, metrics, given))
    of_rows = [protocol.without_label if row.marginal else protocol for row in rows]
    named = frame.assign(
        protocol=[one.text for one in of_rows], dataset=protocol.dataset, split=SPLIT
    )
    return without_empty_columns(numbers_first(named, metrics))
