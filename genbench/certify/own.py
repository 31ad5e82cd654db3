"""Certifies the likelihood of anybody's code, on a small world that it is trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from genbench.certify.behaviour import LogProb, call_repeatedly, judge_calls
from genbench.certify.claims import Likelihood
from genbench.certify.convergence import doublings_of_model, judge_doubling
from genbench.certify.diagnosis import reference_of
from genbench.certify.impossible import judge_mass
from genbench.certify.model_sums import sums_of_model
from genbench.certify.points import Points, beside, bounded, points_of
from genbench.certify.sums import judge_sum
from genbench.certify.verdict import Verdict, fault, table
from genbench.certify.worlds import World, worlds_of
from genbench.core.capabilities import Conditions, ConditionsOnPixels, DrawsElbo, Generative
from genbench.core.errors import ConfigError, require_known
from genbench.core.estimate import UnusableError
from genbench.core.options import require_seed
from genbench.core.seeding import Stream
from genbench.distributions.observation import Domain
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
    log_prob: Callable[..., Any] | None = None,
    kind: Kind = "exact",
    *,
    effort: int | None = None,
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
        effort: Draws, temperatures, solver steps or probes, where ``log_prob`` takes them:
            it is then called as ``log_prob(model, x, effort)``, and with twice as many, which may
            raise a bound and must not move any other number.
        data: ``binary`` is 3x3 images of 0 and 1, ``levels`` 2x2 images of the levels 0, 1/3, 2/3
            and 1, ``density`` 1x2 images with uniform noise, whose density is integrated over the
            plane, or over the square between the ends that ``pixel_bounds()`` of the model returns.
        name: Of the model, in the table.
        seed: Of the data and of all noise.

    Returns:
        A row for each check with ``subject, check, expected, found, tolerance, verdict, reason``;
        ``verdict`` is ``pass`` or ``fail``, and ``reason`` names the fault where its pattern is
        known.

    Raises:
        ConfigError: Unknown kind or data, a wrong effort, ``make_model`` is no function, or it
            returned something else.

    Example:
        >>> certify(lambda x, y: lambda x: -6.2383 + 0 * x.sum((1, 2, 3)))["verdict"].tolist()
        ['pass', 'pass', 'pass', 'pass']
    """
    if isinstance(make_model, nn.Module) or not callable(make_model):
        raise ConfigError(
            f"make_model is a {type(make_model).__name__}: pass a function of images and labels"
            " that trains a model on them and returns it"
        )
    require_known(kind, KINDS, "kind: unknown")
    require_known(data, DOMAINS, "data: unknown")
    require_seed(seed)
    if effort is not None and (log_prob is None or effort < 1):
        raise ConfigError("effort: expected a whole number from 1 for log_prob(model, x, effort)")
    worlds, stream = worlds_of(DOMAINS[data], seed), Stream(seed, ("certify", name))
    x, y = worlds[0].dataset.held_out("train")
    with torch.inference_mode(False), stream.child("make_model").seeded():
        model = make_model(x.clone(), y.clone())
        claims = _claims(model, log_prob, effort)
        with eval_mode(model):
            if not claims:
                return table(_by_methods(model, worlds, name, seed))
            claimant = _Claimant(model, worlds[0], kind, f"{name}: log_prob", stream)
            return table(claimant.verdicts(claims, effort))


def _claims(
    model: Any, log_prob: Callable[..., Any] | None, effort: int | None
) -> tuple[LogProb, ...]:
    """Return the function that claims log p(x), and the same with twice the effort if it has one.

    There is none if evaluators are to make the claims from the model's methods.
    """
    if log_prob is not None:
        efforts = [()] if effort is None else [(effort,), (2 * effort,)]
        return tuple(partial(_call, log_prob, model, given) for given in efforts)
    if isinstance(model, type):
        raise ConfigError(f"make_model returned the class {model.__name__}: return an object")
    if callable(own := getattr(model, "log_prob", None)):
        return (own,)
    if isinstance(model, Generative | Conditions | ConditionsOnPixels | DrawsElbo):
        return ()
    if callable(model) and not isinstance(model, nn.Module):
        return (model,)
    raise ConfigError(
        f"make_model returned a {type(model).__name__}; expected an object with log_prob(x), one"
        " with prior(), observation_model(z) and posterior(x), one with elbo_draws(x, n), or a"
        " function of images"
    )


def _call(log_prob: Callable[..., Any], model: Any, effort: Sequence[int], x: Tensor) -> Any:
    return log_prob(model, x, *effort)


def _by_methods(model: Any, worlds: Sequence[World], name: str, seed: int) -> Iterator[Verdict]:
    """Yield the verdicts on what genbench's evaluators make of a model's methods."""
    adapted = adapt(model, worlds[0].dataset.image_shape)
    for world in worlds:
        yield from sums_of_model(adapted, world, name, seed=seed)
    yield from doublings_of_model(adapted, worlds[0], name, seed=seed)


@dataclass(frozen=True)
class _Claimant:
    """A model whose log p(x) is a function.

    Attributes:
        model: What ``make_model`` returned.
        world: Where its claims are summed.
        kind: What the function claims to be.
        subject: Of all verdicts.
        stream: Of all noise.
    """

    model: Any
    world: World
    kind: Kind
    subject: str
    stream: Stream

    def verdicts(self, claims: Sequence[LogProb], effort: int | None) -> Iterator[Verdict]:
        """Yield the verdicts on a function, and on the same with twice the effort."""
        points = points_of(bounded(self.world, self.model), None)
        points = points._replace(x=beside(points.x, self.model))
        try:
            calls = [call_repeatedly(claim, points.x, self.stream) for claim in claims]
        except UnusableError as error:
            yield fault(self.subject, "values", f"{len(points.x)} numbers", str(error))
            return
        yield from judge_calls(calls[0], self.subject, self.kind)
        if effort is not None:
            yield self._doubled(points, effort, *(each.all for each in calls))
        yield from self._sum(points, calls[0].all)

    def _doubled(self, points: Points, effort: int, once: Tensor, twice: Tensor) -> Verdict:
        """Compare the means over the images that lie where data are."""
        inside = ((points.x >= 0) & (points.x <= 1)).flatten(1).all(dim=1).cpu()
        means = (values[:, inside].mean(dim=1) for values in (once, twice))
        what = f"effort {effort} to {2 * effort}"
        return judge_doubling(self.subject, what, self.kind, *means)

    def _sum(self, points: Points, values: Tensor) -> Iterator[Verdict]:
        where, n_levels = f"the {self.world.title} world", self.world.dataset.n_levels
        adapted = adapt(self.model, self.world.dataset.image_shape)
        known = partial(reference_of, adapted, points, self.stream)
        claim = Likelihood("log_prob", self.kind, self.kind == "estimate", values)
        if not self.world.is_grid:
            yield judge_mass(self.subject, where, values.mean(dim=0))
        yield judge_sum(self.subject, f"sum over {where}", claim, points, n_levels, known)
