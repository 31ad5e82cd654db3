"""Facts about a run that ``suite.json`` states, beside what the run's own folder says."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from genbench.core.protocol import Protocol
from genbench.results.records import StoredRun
from genbench.results.sealed_runs import SealedRun

Fact = tuple[str, Any, Any]
"""What it is about, what ``suite.json`` says, what the run stored."""
_DESCRIBED = ("observation", "measure", "n_parameters", "closed_form", "steps")
TRAINING = ("selected_epoch", "validation_fall", "validation_fall_stderr")
"""Keys of a run's metrics that its training has found; a run in closed form has none."""
_SEED = re.compile(r"seed=\d+")
_DRAWN = 2
"""Schema of runs since which the validation images of registered data are drawn."""


def different_fact(run: StoredRun, sealed: SealedRun) -> Fact | None:
    """Return the first fact on which the two do not agree; None where they do.

    Where, when and how long it ran is left out: another command may just have done it again.

    Args:
        run: What ``suite.json`` says.
        sealed: What the run's folder says.
    """
    known = run.model_fields_set  # older records lack some keys
    for name, stated, stored in _facts(run, sealed):
        if stated != stored and name.partition(".")[0] in known:
            return name, stated, stored
    return None


def _facts(run: StoredRun, sealed: SealedRun) -> Iterator[Fact]:
    spec, metrics, described = sealed.spec, sealed.metrics, sealed.spec["description"]
    yield "recipe", run.recipe, spec["recipe"]
    yield "seed", run.seed, spec["seed"]
    yield "status", run.status, metrics["status"]
    yield "reason", run.reason or "", metrics["reason"]
    yield "fitted", run.fitted, metrics.get("fitted", {})
    yield "protocol", run.protocol, protocol_of(run.protocol, sealed).text
    yield "dataset", run.dataset, Protocol.parse(run.protocol).dataset or run.dataset
    if not sealed.trained_elsewhere:
        for name in TRAINING:
            yield name, getattr(run, name), metrics.get(name)
    if "image_shape" in described:
        yield "image_shape", list(run.image_shape or ()), described["image_shape"]
    yield from _shared("", {name: getattr(run, name) for name in _DESCRIBED}, dict(described))
    for table in ("options", "train", "data"):
        stored = {key: v for key, v in spec.get(table, {}).items() if key != "split"}
        yield from _shared(f"{table}.", getattr(run, table), stored)


def _shared(prefix: str, stated: dict[str, Any], stored: dict[str, Any]) -> Iterator[Fact]:
    for key in stated.keys() & stored.keys():
        yield f"{prefix}{key}", stated[key], stored[key]


def protocol_of(text: str, sealed: SealedRun) -> Protocol:
    """Return a run's protocol with every part that its folder knows as the folder has it."""
    data, described = sealed.spec["data"], sealed.spec["description"]
    stated = Protocol.parse(text)
    views = (data.get("binarisation", "none"), data.get("dequantisation", "none"))
    drawn = [view for view in views if view != "none"]
    plain = stated.pixels if stated.pixels in ("grey", "levels") else "grey"
    seed = f"seed={data.get('seed', 0)}"
    is_drawn = stated.validation if "name" not in data else sealed.spec["schema"] >= _DRAWN
    known = {"measure": described["comparable_measure"]} if _has_density(described) else {}
    return replace(
        stated,
        dataset=data.get("name", stated.dataset),
        digest=str(data.get("digest", stated.digest))[:8],
        pixels=drawn[0] if drawn else plain,
        options=_SEED.sub(seed, stated.options),
        sizes=(described.get("n_train", stated.sizes[0]), *stated.sizes[1:]),
        validation=seed if is_drawn else "",
        condition=sealed.condition,
        **known,
    )


def _has_density(described: dict[str, Any]) -> bool:
    """A model without one takes the measure of those that it stands beside."""
    return bool(described.get("measure", "none") != "none")
