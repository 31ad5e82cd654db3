"""A user's model behind checked methods: the one place where its calls and results are converted.

Evaluators see a model with the methods of :mod:`genbench.core.capabilities` that the user's has.
Each passes copies on, folds dimensions, converts what comes back, and turns any exception into an
:class:`~genbench.core.estimate.UnusableError` that names the method.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core import capabilities as can
from genbench.core.errors import require_known
from genbench.core.estimate import NotApplicableError, UnusableError
from genbench.core.held import tensors_in
from genbench.core.tensors import as_event
from genbench.evaluation.user import returned
from genbench.evaluation.user.boundary import CALLS, HALVES, KINDS, Adapted, Again, Facts
from genbench.evaluation.user.distributions import Arranged, close, parameters_of


def adapt(model: Any, image_shape: Sequence[int], kind: str | None = None) -> Any:
    """Return ``model`` behind checked methods; one of genbench's own passes through unchanged.

    The result has exactly those methods of ``core/capabilities`` that the model has.

    Args:
        model: Any object; nothing is called yet.
        image_shape: Shape of one datum; images that the model makes get it.
        kind: What ``log_prob(x)`` is of log p(x): ``exact``, ``lower_bound``, ``upper_bound`` or
            ``estimate``; None: as its attribute ``log_prob_kind`` says, else exact.

    Raises:
        ConfigError: There is no such kind.
    """
    declared: Any = kind or getattr(model, "log_prob_kind", "exact")
    require_known(declared, KINDS, "kind: unknown")
    held = tensors_in(model)
    device = held[0].device if held else None
    dtype = next((t.dtype for t in held if t.is_floating_point()), None)
    ours = type(model).__module__.partition(".")[0] == "genbench"
    if ours and declared == "exact" and dtype not in HALVES:
        return model
    return _behind(model, Facts(torch.Size(image_shape), device, dtype, declared))


def _behind(model: Any, facts: Facts, again: Again | None = None) -> "Adapted":
    """Return an object with the adapters of the methods that ``model`` has."""
    methods = {name: adapter for name, adapter in _ADAPTERS.items() if _has(model, name)}
    named = methods | {"methods": tuple(methods)}
    kind: type[Adapted] = type(type(model).__name__, (Adapted,), named)
    return kind(model, facts, again)


def _has(model: Any, name: str) -> bool:
    value = getattr(model, name, None)
    return callable(value) or (name == "prior" and value is not None)


def _prior(self: Adapted) -> Distribution:
    call = CALLS["prior"]
    expected = "a distribution with batch () and event (D,)"
    p = returned.distribution_of(self.call("prior"), call, expected, 1, self.facts.device)
    if isinstance(p, Tensor):
        fix = "return Independent(Normal(loc, scale), 1)"
        raise UnusableError(call, f"returned {returned.described(p)}", expected, fix)
    return as_event(p, 0)


def _latent_shape(self: Adapted) -> torch.Size | None:
    """Return the event of the prior, asked for once: each call of ``prior`` waits for a GPU."""
    if self.latent is None and isinstance(self, can.HasPrior):
        with suppress(UnusableError, NotApplicableError):  # its own metrics say so
            self.latent = self.prior().event_shape
    return self.latent


def _observation_model(self: Adapted, z: Tensor) -> Distribution:
    latent = _latent_shape(self)
    n_latent = 1 if latent is None else len(latent)
    leading = z.shape[: z.ndim - n_latent]
    facts, name = self.facts, "observation_model"
    if len(leading) < 2:
        return _observed(self, z, leading)
    if facts.folded is None:
        facts.folded = _must_fold(self, z, leading)
        if facts.folded:
            facts.remark(name, f"{CALLS[name]} was given z with one leading dimension")
    return _folded(self, z, leading) if facts.folded else _observed(self, z, leading)


def _observed(self: Adapted, z: Tensor, leading: torch.Size, of: Any = None) -> Distribution:
    value = self.call("observation_model", z, of=of)
    call, facts = CALLS["observation_model"], self.facts
    return returned.observation_of(value, leading, facts.image, call, z.device)


def _folded(self: Adapted, z: Tensor, leading: torch.Size) -> Distribution:
    """Return p(x given z) of z (K, B, ...), from a call with (K * B, ...)."""
    k, n = leading[0], leading.numel()
    flat = z.reshape(n, *z.shape[len(leading) :])
    p = _observed(self, flat, torch.Size((n,)), self.again(k) if self.again else None)
    return Arranged(p, leading, self.facts.image)


def _must_fold(self: Adapted, z: Tensor, leading: torch.Size) -> bool:
    """Return whether z must be folded: two leading dimensions fail or mean something else."""
    try:
        direct = _observed(self, z, leading)
    except UnusableError:
        _require_foldable(self, z, leading)
        return True
    with suppress(UnusableError):
        return not _agree(direct, _folded(self, z, leading), self.facts.rounding)
    return False


def _require_foldable(self: Adapted, z: Tensor, leading: torch.Size) -> None:
    """Raise the error of the unfolded call if the folded one fails too."""
    try:
        _folded(self, z, leading)
    except UnusableError:
        _observed(self, z, leading)


def _agree(p: Distribution, q: Distribution, rounding: float) -> bool:
    """Return whether the parameters of two distributions are equal but for rounding."""
    folded = dict(parameters_of(getattr(q, "base", q)))
    pairs = [(a, folded[name]) for name, a in parameters_of(p) if name in folded]
    alike = [(a.flatten(), b.flatten()) for a, b in pairs if a.numel() == b.numel()]
    return all(close(a, b, rounding) for a, b in alike)


def _posterior(self: Adapted, x: Tensor) -> Distribution:
    value = self.call_on_images("posterior", x)
    return returned.posterior_of(value, len(x), _latent_shape(self), CALLS["posterior"], x.device)


def _encode(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("encode", x)
    code, remark = returned.code_of(value, len(x), CALLS["encode"], x.device)
    if remark:
        self.facts.remark("encode", f"{CALLS['encode']}: {remark}")
    return code


def _decode(self: Adapted, z: Tensor) -> Tensor:
    """Return mean images; a model that takes one leading dimension gets z (K, B, D) so."""
    call, image = CALLS["decode"], self.facts.image
    value = self.call("decode", z if z.ndim != 3 else z.flatten(0, 1))
    leading = z.shape[:2] if z.ndim == 3 else z.shape[:1]
    images = returned.images_of(value, leading, image, call, z.device)
    return self.facts.saw("decode", images)


def _sample(self: Adapted, n: int) -> Tensor:
    call, facts, before = f"sample({n})", self.facts, torch.get_rng_state()
    images = returned.images_of(self.call("sample", n), (n,), facts.image, call, facts.device)
    last, facts.sampled = facts.sampled, (before, torch.get_rng_state())
    if last and not torch.equal(before, last[0]) and torch.equal(facts.sampled[1], last[1]):
        facts.remark("sample", f"{CALLS['sample']} sets torch's seed")
    return facts.saw("sample", images)


def _log_prob(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("log_prob", x)
    return returned.per_datum(value, len(x), CALLS["log_prob"], x.device)


def _elbo_draws(self: Adapted, x: Tensor, n: int) -> Tensor:
    call, value = CALLS["elbo_draws"], self.call_on_images("elbo_draws", x, n)
    return returned.draws_of(value, n, len(x), call, x.device)


def _critic(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("critic", x)
    return returned.per_datum(value, len(x), CALLS["critic"], x.device)


def _given(self: Adapted, y: Tensor) -> "Adapted":
    if y.numel() and not y.is_floating_point():
        self.facts.label = max(self.facts.label, int(y.max()))
    return _view(self, "given", y)


def _given_pixels(self: Adapted, x: Tensor) -> "Adapted":
    return _view(self, "given_pixels", x)


def _view(self: Adapted, name: str, condition: Tensor) -> "Adapted":
    """Return the view given a condition (B, ...), which can be repeated for folded calls."""

    def again(k: int) -> Any:
        return self.call(name, condition.repeat(k, *[1] * (condition.ndim - 1)))

    view = again(1)
    if view is None:
        raise UnusableError(CALLS[name], "returned None", "a view with the condition bound")
    return _behind(view, self.facts, again)


def _hidden(self: Adapted) -> Tensor:
    value = self.call("hidden")
    facts, call = self.facts, CALLS["hidden"]
    return returned.images_of(value, (), facts.image, call, facts.device).bool()


_ADAPTERS: dict[str, Callable[..., Any]] = {
    "prior": _prior,
    "observation_model": _observation_model,
    "posterior": _posterior,
    "encode": _encode,
    "decode": _decode,
    "sample": _sample,
    "log_prob": _log_prob,
    "elbo_draws": _elbo_draws,
    "critic": _critic,
    "given": _given,
    "given_pixels": _given_pixels,
    "hidden": _hidden,
}
