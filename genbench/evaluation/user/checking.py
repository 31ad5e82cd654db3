"""Everything that can be said of a user's model before it is evaluated, in one table."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import Conditions, bind, methods_of, to_add
from genbench.core.devices import on_device
from genbench.core.errors import ConfigError, first_line
from genbench.core.estimate import UnusableError
from genbench.core.held import modules_in, tensors_in
from genbench.core.plugins import load_plugins
from genbench.core.seeding import Stream
from genbench.core.texts import Terminal, aligned
from genbench.evaluation.generated import UNKNOWN
from genbench.evaluation.runner import TaskResult, eval_mode, evaluate_model, make_task
from genbench.evaluation.spec import Evaluator, evaluators
from genbench.evaluation.user.boundary import CALLS, Adapted
from genbench.evaluation.user.calls import N_DATA, calls_of, conditions_of
from genbench.evaluation.user.distributions import MeanOnly
from genbench.evaluation.user.fitting import UNUSABLE, check_data
from genbench.evaluation.user.remarks import about_ranges
from genbench.evaluation.user.returned import described
from genbench.evaluation.user.steadiness import note_habits
from genbench.evaluation.user.subject import Subject, subject_of
from genbench.inference.weights import MIN_DRAWS
from genbench.training.precision import products_in

Verdict = Literal["pass", "fail", "note"]
EXPECTED = {
    "prior": "a distribution, event (D,)",
    "observation_model": "a distribution: batch as z, event an image",
    "posterior": "a distribution: batch (B,), event (D,)",
    "encode": "a code (B, D)",
    "decode": "mean images (B, ...)",
    "sample": "n images",
    "log_prob": "log p(x), (B,)",
    "elbo_draws": "draws from a bound on log p(x), (n, B)",
    "critic": "logits (B,)",
    "given": "a view with the label bound",
    "given_pixels": "a view with the shown pixels bound",
    "hidden": "which pixels are hidden, bool",
}
TEMPLATES = {
    "prior": "def prior(self): return Independent(Normal(torch.zeros(D), 1), 1)",
    "observation_model": (
        "def observation_model(self, z): return Independent(Bernoulli(logits=...), {n})"
    ),
    "posterior": "def posterior(self, x): return Independent(Normal(mean, scale), 1)",
}
"""What a model needs for bounds on log p(x), as it is usually written."""


@dataclass(frozen=True)
class Check:
    """One row of the table."""

    check: str
    expected: str
    found: str
    verdict: Verdict = "pass"
    fix: str = ""


COLUMNS = {field.name for field in fields(Check)}


class ChecksFrame(pd.DataFrame):
    """A DataFrame that prints whole sentences; checks that found the same share one."""

    @property
    def _constructor(self) -> Callable[..., "ChecksFrame"]:
        return ChecksFrame

    def __repr__(self) -> str:
        if not set(self.columns) >= COLUMNS:
            return repr(pd.DataFrame(self))
        rows: dict[tuple[str, str], list[str]] = {}
        for check in self.fillna("").to_dict("records"):
            rows.setdefault((check["verdict"], _sentence(check)), []).append(check["check"])
        lines = [(verdict, ", ".join(names), text) for (verdict, text), names in rows.items()]
        return aligned(lines, ("verdict", "check", "found"), Terminal(_width()))


def _width() -> int:
    return shutil.get_terminal_size().columns


def _sentence(check: Mapping[Any, Any]) -> str:
    """Return what was found and, where that is wrong, what was expected and the fix."""
    if check["verdict"] == "pass":
        return str(check["found"])
    wrong = check["verdict"] == "fail" and check["check"].endswith(")")
    expected = f"; expected {check['expected']}" if wrong else ""
    return f"{check['found']}{expected}" + (f": {check['fix']}" if check["fix"] else "")


def check_model(
    model: Any, x: Any, y: Any = None, *, kind: str | None = None, **data: Any
) -> pd.DataFrame:
    """Check a model of yours before you evaluate it: what each method returns, and what it lacks.

    Nothing is trained or changed; a few data are passed through every method. ``sample`` is called
    several times, so give an object that hands out stored images to :func:`genbench.evaluate`.

    Args:
        model: As for :func:`genbench.evaluate`, and so are the other arguments.
        x: Data, or the name or path of a data set.
        y: Labels, for a model with ``given(y)``.
        kind: What ``log_prob(x)`` is of log p(x).
        data: How a data set is presented.

    Returns:
        One row per check with columns ``check``, ``expected``, ``found``, ``verdict`` (``pass``,
        ``fail`` or ``note``) and ``fix``: first of the model and the data, then of each method,
        last of each metric: whether the model can have it, and what it needs for it.

    Raises:
        DataError: A file of the data set is missing or damaged.
    """
    load_plugins()
    try:
        with torch.inference_mode(False):
            subject = subject_of(model, x, y, kind, data)
    except ConfigError as error:
        return _frame([_refused(error)])
    stream, checks = Stream(0, ("check_model",)), [_of_model(model)]
    here, float32 = on_device(subject.x.device), products_in("float32")
    with torch.inference_mode(False), float32, here, stream.seeded(), eval_mode(model):
        checks += [_of_data(subject, stream), *_of_methods(subject, stream)]
        checks += _of_metrics(subject, [one.check for one in checks if one.verdict == "fail"])
    return _frame(checks)


def _frame(checks: Sequence[Check]) -> ChecksFrame:
    return ChecksFrame([asdict(check) for check in checks])


def _refused(error: ConfigError) -> Check:
    """Return the check behind a message such as ``x is empty: ...``."""
    subject, _, problem = str(error).partition(" ")
    found, _, fix = problem.partition(": ")
    return Check(subject.strip(":,"), "", found, "fail", fix)


def _of_model(model: Any) -> Check:
    modules, tensors = modules_in(model), tensors_in(model)
    kinds = sorted({f"{str(t.dtype).removeprefix('torch.')} on {t.device}" for t in tensors})
    found = f"{type(model).__name__}, {', '.join(kinds) or 'no tensors'}"
    if any(module.training for module in modules):
        found += "; in training mode, evaluated in eval mode"
    return Check("model", "an object with methods", found)


def _of_data(subject: Subject, stream: Stream) -> Check:
    try:
        check_data(subject, stream)
    except ConfigError as error:
        return _refused(error)
    low, high = subject.data.x.aminmax()
    found = f"{described(subject.data.x)}, {low:g} to {high:g}"
    return Check("x", "data that the model is defined on", found)


@torch.no_grad()
def _of_methods(subject: Subject, stream: Stream) -> list[Check]:
    """Call every method that the model has on a few data, then say what it does besides."""
    x = subject.x[:N_DATA]
    y = None if subject.y is None else subject.y[:N_DATA]
    checks = [_call(name, call) for name, call in conditions_of(subject.model, x, y)]
    if any(check.verdict == "fail" for check in checks):
        return checks
    if isinstance(subject.model, Conditions) and y is None:
        return [Check("y", "labels (N,)", "none", "fail", "pass y")]
    view = bind(subject.model, y, x)
    checks += [_call(name, call) for name, call in calls_of(view, x)]
    checks += [
        Check(CALLS[name], EXPECTED[name], "is not there", "note", code.format(n=x.ndim - 1))
        for name, code in TEMPLATES.items()
        if not hasattr(view, name)
    ]
    note_habits(subject, stream, sampler=True)
    return checks + _notes(subject)


def _notes(subject: Subject) -> list[Check]:
    """Return what was remarked while the methods were called."""
    model = subject.model
    if not isinstance(model, Adapted):
        return []
    said = [(name, text) for name, texts in model.facts.remarks.items() for text in sorted(texts)]
    ranges = about_ranges(model, subject.x).items()
    return [
        Check(CALLS[name], "", text.removeprefix(CALLS[name]).strip(" :"), "note")
        for name, text in (*said, *ranges)
    ]


def _call(name: str, call: Callable[[], Any]) -> Check:
    """Return the check of one method."""
    expected = EXPECTED[name]
    try:
        return Check(CALLS[name], expected, _found(call()))
    except UnusableError as error:
        if error.call.partition("(")[0] != name:
            return Check(CALLS[name], expected, f"not tried, since {error.call} fails", "note")
        return Check(CALLS[name], error.expected or expected, error.found, "fail", error.fix)
    except UNUSABLE as error:
        return Check(CALLS[name], expected, first_line(error), "fail")


def _found(value: Any) -> str:
    if isinstance(value, MeanOnly):
        raise value.refusal
    known = isinstance(value, Distribution | Tensor)
    return described(value) if known else f"a view with {', '.join(getattr(value, 'methods', ()))}"


def _of_metrics(subject: Subject, failed: Sequence[str]) -> list[Check]:
    """Try every metric on a few data, with the least that its options allow.

    Args:
        subject: The model and the data.
        failed: The checks before, of methods and data, that failed.
    """
    known = sorted((evaluators[name] for name in evaluators), key=lambda e: e.record.place)
    tasks = [make_task(one.name, _least(one)) for one in known]
    context = replace(subject.data.context(subject.model, 0), reference=None)  # it takes long
    x, y = subject.x[:N_DATA], None if subject.y is None else subject.y[:N_DATA]
    results = evaluate_model(x, y, tasks, context, "check")
    pairs = zip(known, results, strict=True)
    return [_of_metric(one, subject.model, result, failed) for one, result in pairs]


def _least(evaluator: Evaluator) -> dict[str, int]:
    """Return the smallest counts that make sense: of draws, chains, steps and so on."""
    fields = evaluator.options.model_fields.items()
    counts = [name for name, f in fields if name[:2] == "n_" and isinstance(f.default, int)]
    return dict.fromkeys(counts, MIN_DRAWS)


def _of_metric(
    evaluator: Evaluator, model: Any, result: TaskResult, failed: Sequence[str]
) -> Check:
    """Say whether the model can have a metric, and what it needs for it."""
    calls = [", ".join(methods_of(need).values()) for need in evaluator.needs]
    expected = " or ".join(calls)
    if not result.rows:  # it sums out a label
        return Check(evaluator.name, expected, "the model has no given(y)", "note")
    row = result.rows[0]
    if row.status == "ok":
        return Check(evaluator.name, expected, "can be computed")
    if row.status == "failed":
        calls = [check.partition("(")[0] + "(" for check in failed]
        pairs = zip(failed, calls, strict=True)
        culprits = [c for c, call in pairs if c == "x" or row.reason.startswith(call)]
        found = f"{culprits[-1]} fails: see there" if culprits else row.reason
        return Check(evaluator.name, expected, found, "fail")
    if row.reason == UNKNOWN:
        return Check(evaluator.name, expected, "can be computed on the data set of a name")
    lacking = to_add(model, evaluator.needs)
    return Check(evaluator.name, expected, row.reason, "note", _to_add(lacking))


def _to_add(calls: Sequence[str]) -> str:
    """Say which methods to write, as ``def posterior(self, x)``."""
    written = [call.replace("(", "(self, ").replace("(self, )", "(self)") for call in calls]
    return f"add {' and '.join(f'def {one}' for one in written)}" if written else ""
