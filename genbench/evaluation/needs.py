"""Capabilities by the names of their methods, as a metric may state what it needs."""

from types import new_class
from typing import Protocol, runtime_checkable

from genbench.core.capabilities import (
    Conditions,
    Decodes,
    DrawsElbo,
    Encodes,
    HasCritic,
    HasExactDensity,
    HasObservationModel,
    HasPosterior,
    HasPrior,
    Samples,
    methods_of,
)
from genbench.core.errors import ConfigError, require_known

Needs = str | type | tuple[str | type, ...]
"""Methods as ``"sample"`` or ``"encode, decode"``, a capability, or a tuple of alternatives."""
CAPABILITIES = (
    HasPrior,
    HasObservationModel,
    HasPosterior,
    Encodes,
    Decodes,
    Samples,
    Conditions,
    HasCritic,
    HasExactDensity,
    DrawsElbo,
)
BY_METHOD: dict[str, type] = {method: c for c in CAPABILITIES for method in methods_of(c)}


def alternatives(needs: Needs, where: str) -> tuple[type, ...]:
    """Return the capabilities of which a model must have one.

    Raises:
        ConfigError: A method is unknown, or it is something else.
    """
    several = needs if isinstance(needs, tuple) else (needs,)
    return tuple(_capability(need, where) for need in several)


def _capability(need: str | type, where: str) -> type:
    if isinstance(need, type):
        return need
    if not isinstance(need, str):
        raise ConfigError(f"{where}: expected names of methods, such as 'sample', not {need!r}")
    parts = []
    for method in (part.strip() for part in need.split(",")):
        require_known(method, BY_METHOD, f"{where}: unknown method")
        parts.append(BY_METHOD[method])
    if len(parts) == 1:
        return parts[0]
    return runtime_checkable(new_class("Several", (*parts, Protocol)))
