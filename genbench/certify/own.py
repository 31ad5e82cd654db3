"""Certifies the likelihood of anybody's code, on a small world that it is trained on."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from genbench.certify.behaviour import LogProb, call_repeatedly, judge_calls
from genbench.certify.claims import Likelihood
from genbench.certify.diagnosis import reference_of
from genbench.certify.impossible import judge_mass
from genbench.certify.points import points_of
from genbench.certify.recipes import sums_of_model
from genbench.certify.sums import judge_sum
from genbench.certify.verdict import Verdict, fault, table
from genbench.certify.worlds import Domain, World, worlds_of
from genbench.core.capabilities import Generative
from genbench.core.errors import ConfigError, require_known
from genbench.core.estimate import UnusableError
from genbench.core.options import require_seed
from genbench.core.seeding import Stream
from genbench.evaluation.runner import eval_mode
from genbench.evaluation.user.adapter import adapt

Kind = Literal["exact", "lower_bound", "estimate"]
Data = Literal["binary", "levels", "density"]
KINDS: tuple[Kind, ...] = ("exact", "lower_bound", "estimate")
DOMAINS: dict[str, Domain] = {
    "binary": "binary",
    "levels": "grey_levels",
    "density": "unit_interval",
}


def certify(
    make_model: Callable[[Tensor, Tensor], Any],
    log_prob: Callable[[Any, Tensor], Any] | None = None,
    kind: Kind = "exact",
    *,
    data: Data = "binary",
    name: str = "model",
    seed: int = 0,
) -> pd.DataFrame:
    """Check that what your code calls log p(x) can be a likelihood; no true distribution is needed.

    Your code is trained on a world so small that all its images can be listed, and the
    probabilities that it claims are summed: exactly 1 for an exact log p(x) and for an unbiased
    estimate, at most 1 for a lower bound. Training need not be good, only done by the code in
    question.

    Args:
        make_model: Called with 500 training images (500, C, H, W) in [0, 1] and their labels
            (500,); trains on them and returns an object with ``log_prob(x)``, one with the methods
            that :func:`genbench.evaluate` takes, or a function of images.
        log_prob: Called as ``log_prob(model, x)`` in place of the model's own method; returns
            log p(x) in nats, (N,).
        kind: What it claims to be: ``exact``; a ``lower_bound``, which may be noisy; or an
            ``estimate`` that averages to p(x) or is close to it, as importance weighting with many
            draws.
        data: ``binary`` is 3x3 images of 0 and 1, ``levels`` 2x2 images of the levels 0, 1/3, 2/3
            and 1, ``density`` 1x2 images with uniform noise, whose density is integrated over the
            plane.
        name: Of the model, in the table.
        seed: Of the data and of all noise.

    Returns:
        A row for each check with ``subject, check, expected, found, tolerance, verdict, reason``;
        ``verdict`` is ``pass`` or ``fail``, and ``reason`` names the fault where its pattern is
        known.

    Raises:
        ConfigError: Unknown kind or data, or ``make_model`` returned something else.

    Example:
        >>> certify(lambda x, y: lambda x: -6.2383 + 0 * x.sum((1, 2, 3)))["verdict"].tolist()
        ['pass', 'pass', 'pass', 'pass']
    """
    require_known(kind, KINDS, "kind: unknown")
    require_known(data, DOMAINS, "data: unknown")
    require_seed(seed)
    worlds, stream = worlds_of(DOMAINS[data], seed), Stream(seed, ("certify", name))
    x, y = worlds[0].dataset.held_out("train")
    with torch.inference_mode(False), stream.child("make_model").seeded():
        model = make_model(x.clone(), y.clone())
        claim = _claim(model, log_prob)
        with eval_mode(model):
            if claim is None:
                return table(_by_methods(model, worlds, name, seed))
            return table(_by_function(model, claim, worlds[0], kind, name, stream))


def _claim(model: Any, log_prob: Callable[[Any, Tensor], Any] | None) -> LogProb | None:
    """Return the function that claims log p(x); None if evaluators are to make it from methods."""
    if log_prob is not None:
        return lambda x: log_prob(model, x)
    own = getattr(model, "log_prob", None)
    if isinstance(model, type):
        raise ConfigError(f"make_model returned the class {model.__name__}: return an object")
    if callable(own):
        claim: LogProb = own
        return claim
    if isinstance(model, Generative) or hasattr(model, "given"):
        return None
    if callable(model) and not isinstance(model, nn.Module):
        return model  # type: ignore[no-any-return]
    raise ConfigError(
        f"make_model returned a {type(model).__name__}; expected an object with log_prob(x), one"
        " with prior(), observation_model(z) and posterior(x), or a function of images"
    )


def _by_methods(model: Any, worlds: tuple[World, ...], name: str, seed: int) -> Iterator[Verdict]:
    """Yield the verdicts on what genbench's evaluators make of a model's methods."""
    adapted = adapt(model, worlds[0].dataset.image_shape)
    for world in worlds:
        yield from sums_of_model(adapted, world, name, seed=seed)


def _by_function(
    model: Any, claim: LogProb, world: World, kind: Kind, name: str, stream: Stream
) -> Iterator[Verdict]:
    """Yield the verdicts on a function that claims log p(x)."""
    subject, points = f"{name}: log_prob", points_of(world, None)
    expected = f"{len(points.x)} numbers"
    try:
        calls = call_repeatedly(claim, points.x, stream)
    except UnusableError as error:
        yield fault(subject, "values", expected, str(error))
        return
    yield from judge_calls(calls, subject, kind)
    likelihood = Likelihood("log_prob", kind, kind == "estimate", calls.all)
    if not world.is_grid:
        yield judge_mass(subject, calls.all.mean(dim=0))
    adapted = adapt(model, world.dataset.image_shape)
    known = partial(reference_of, adapted, points, stream)
    check = f"sum over the {world.title} world"
    yield judge_sum(subject, check, likelihood, points, world.dataset.n_levels, known)
