"""What the declaration of an evaluator must state, and its record; see :func:`.spec.evaluator`."""

import inspect
from typing import Any

from pydantic import ValidationError

from genbench.core.errors import ConfigError
from genbench.core.metric import Metric
from genbench.core.options import Options, explain

ARGUMENTS = {"data": "block", "samples": "generated"}
"""What the function of an evaluator gets first, by what it looks at."""


def require_form(function: Any, reduce: Any, options: Any, of: Any, where: str) -> None:
    """Check the functions of an evaluator and the class of its options.

    Raises:
        ConfigError: One is of another form.
    """
    if of not in ARGUMENTS:
        raise ConfigError(f"{where}.of: expected {' or '.join(map(repr, ARGUMENTS))}, not {of!r}")
    if not _takes_one_or_two(function):
        what = ARGUMENTS[of]
        raise ConfigError(f"{where}: the function takes ({what}) or ({what}, options)")
    if reduce is not None and of == "samples":
        raise ConfigError(f"{where}.reduce: an evaluator of samples returns its number itself")
    if reduce is not None and not _takes_one_or_two(reduce):
        raise ConfigError(f"{where}.reduce: the function takes (values) or (values, options)")
    if not (isinstance(options, type) and issubclass(options, Options)):
        raise ConfigError(f"{where}.options: expected a subclass of genbench.Options")


def _takes_one_or_two(function: Any) -> bool:
    try:
        return len(inspect.signature(function).parameters) in (1, 2)
    except (TypeError, ValueError):  # no function, or one that is not written in Python
        return False


def declared_metric(name: str, function: Any, stated: dict[str, Any], where: str) -> Metric:
    """Return the record; what is not stated follows from the function."""
    known = {
        "version": 1,
        "title": name.replace("_", " "),
        "description": " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split()),
    }
    try:
        return Metric.model_validate(known | stated | {"name": name})
    except ValidationError as error:
        raise ConfigError(explain(error, where, Metric)) from error
