"""Evaluation of a user's own model, by its methods alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, ConditionsOnPixels, Variational, bind
from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.files import canonical_json
from genbench.core.metric import Metrics, by_name
from genbench.core.names import names_in
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event, device_of, float_dtype, support_of
from genbench.evaluation.runner import Row, evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.evaluation.user_data import check_layout, labels_of, tensor_of
from genbench.inference.bounds import prior_of
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import NumbersFrame, numbers_first, without_empty_columns

if TYPE_CHECKING:
    import numpy.typing as npt


def evaluate(
    model: Any,
    x: "Tensor | npt.NDArray[Any]",
    y: "Tensor | npt.NDArray[Any] | None" = None,
    evaluators: str | Sequence[str] = ("elbo", "iw_log_likelihood"),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Evaluate your own model: any object with the methods that the evaluators need.

    It needs no base class. ``posterior(x)`` may return any torch distribution; the KL has a closed
    form where torch knows one, else it is a Monte-Carlo estimate, and its row says so.

    Args:
        model: Has ``prior()``, ``observation_model(z)``, ``posterior(x)`` and so on.
        x: Data (N, ...), flat or image-shaped; cast to the dtype and device of the model's weights.
        y: Labels (N,), for a model with ``given(y)``; moved to that device.
        evaluators: Names, or one, as in ``python -m genbench list evaluators``.
        options: Per evaluator, for example ``{"iw_log_likelihood": {"n_samples": 500}}``.
        seed: Root of all noise; the same seed gives the same numbers.

    Returns:
        One row per metric. The first columns are those of :func:`genbench.load_results`; empty
        columns are left out. Evaluators that do not apply have status ``not_applicable`` and the
        reason; one that sums a label out, such as ``label_marginal_log_likelihood``, has a row
        only where it applies.

    Raises:
        ConfigError: Unknown evaluator or option, x is empty, has another shape than the model's
            images or lies outside the observation model's support, or y are not N labels.
    """
    names, given = names_in(evaluators), dict(options or {})
    for name in given:
        if name not in names:
            raise ConfigError(f"options.{name}: not evaluated; {did_you_mean(name, names)}")
    tasks = [make_task(name, given.get(name)) for name in names]
    with torch.inference_mode(False):  # some evaluators take gradients
        x = tensor_of(x, "x")
        if not len(x):
            raise ConfigError("x is empty: there is nothing to evaluate")
        y = None if y is None else labels_of(y, model, len(x))
        device = device_of(model, x.device)
        x, y = x.to(device, float_dtype(model, x.dtype)), None if y is None else y.to(device)
        stream = Stream(seed, ("evaluate",))
        _check_data(model, x, y, stream)
        outcomes = evaluate_model(x, y, tasks, Context(model, stream))
    rows = [row for outcome in outcomes for row in outcome.rows]
    return _table(rows, model, seed, by_name(task.evaluator.record for task in tasks))


def _table(rows: Sequence[Row], model: Any, seed: int, metrics: Metrics) -> NumbersFrame:
    shared = dict.fromkeys(COLUMNS, "") | {"model": type(model).__name__, "seed": seed}
    frame = pd.DataFrame([shared | vars(row) for row in rows], columns=list(COLUMNS))
    for column in ("options", "health"):
        frame[column] = frame[column].map(canonical_json)
    frame = frame.astype({"n": "Int64", "value": float, "stderr": float, "mc_stderr": float})
    conditional = isinstance(model, Conditions)
    given = ["given the label" if conditional and not row.marginal else "" for row in rows]
    return without_empty_columns(numbers_first(frame, metrics, given))


def _check_data(model: Any, x: Tensor, y: Tensor | None, stream: Stream) -> None:
    """Check before any evaluator runs that p(x given z) is defined at x."""
    if isinstance(model, ConditionsOnPixels):
        check_layout(x.shape[1:], model.hidden().shape)
    view = bind(model, None if y is None else y[:1], x[:1])
    if isinstance(view, Conditions) or not isinstance(view, Variational):
        return
    prior = prior_of(view)
    with torch.no_grad(), stream.child("support").seeded():
        z = prior.sample(torch.Size((1,)))
        p = as_event(view.observation_model(z), z.ndim - len(prior.event_shape))
    check_layout(x.shape[1:], p.event_shape)
    support = support_of(p)
    if support is not None and not bool(support.check(x.reshape(len(x), *p.event_shape)).all()):
        of_pixel = getattr(support, "base_constraint", support)
        raise ConfigError(
            f"x lies outside the support of the observation model {type(p).__name__} "
            f"({of_pixel}): binarise or scale it first"
        )
