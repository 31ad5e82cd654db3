"""Turns what a user's method returned into the distribution or tensor that evaluators expect.

What can be read in one way only is converted; anything else is refused, with what was found, what
was expected, and the shortest fix.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, OneHotCategorical, constraints

from genbench.core.estimate import UnusableError
from genbench.core.tensors import as_event, innermost, mean_of
from genbench.evaluation.user.boundary import refused_parameter
from genbench.evaluation.user.distributions import (
    Arranged,
    MeanOnly,
    family,
    on_device,
    parameters_of,
    widened,
)
from genbench.evaluation.user.layout import permutation, same_order


def _scale_of_log_var(log_var: Tensor) -> Tensor:
    return (0.5 * log_var).exp()


MEANS = ("mean", "mu", "loc", "embedding")
SPREADS: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(("scale", "std", "stddev", "sigma"), torch.positive),
    **dict.fromkeys(("log_scale", "log_std", "log_sigma"), torch.exp),
    **dict.fromkeys(("var", "variance"), torch.sqrt),
    **dict.fromkeys(("log_var", "logvar", "log_variance", "log_covariance"), _scale_of_log_var),
}
"""From what a pair may name its second part to the standard deviation."""
_PAIR = "return Independent(Normal(mean, scale), {n}), scale = (0.5 * log_var).exp()"


def distribution_of(value: Any, call: str, expected: str, n_event: int, device: Any) -> Any:
    """Return what stands for a distribution as one, or what stands for a mean as a tensor.

    Args:
        value: What the method returned.
        call: The method with its arguments.
        expected: What it should have returned.
        n_event: Dimensions of its event, for the fix.
        device: Where it should be.

    Raises:
        UnusableError: It is neither, or it can be read in more than one way.
    """
    value = _named_pair(value)
    if isinstance(value, Distribution):
        p = widened(value, device)
        require_numbers(dict(parameters_of(p)), call, family_of(p))
        _require_valid(family(p), call)
        return p
    if isinstance(value, tuple | list) and value and all(isinstance(v, Tensor) for v in value):
        fix = _PAIR.format(n=n_event) if len(value) == 2 else ""
        shapes = ", ".join(str(tuple(v.shape)) for v in value)
        kind = type(value).__name__
        found = f"returned a {kind} of tensors {shapes}, and nothing says what they are"
        raise UnusableError(call, found, expected, fix or "return a torch distribution")
    return tensor_of(value, call, expected, device)


def _named_pair(value: Any) -> Any:
    """Return the Gaussian of a mapping or named tuple that says what its parts are."""
    fields = value._asdict() if hasattr(value, "_asdict") else value
    if not isinstance(fields, Mapping):
        return value
    means = [fields[name] for name in MEANS if name in fields]
    scales = [to_scale(fields[name]) for name, to_scale in SPREADS.items() if name in fields]
    if len(means) != 1 or len(scales) != 1:
        return value
    return Normal(means[0], scales[0], validate_args=False)


def tensor_of(value: Any, call: str, expected: str, device: Any) -> Tensor:
    """Return a tensor, an array or a list as a tensor of real, known numbers on ``device``."""
    try:
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, RuntimeError):
        raise UnusableError(call, f"returned {described(value)}", expected) from None
    if tensor.is_complex():
        raise UnusableError(call, f"returned {described(tensor)}", expected, "return real numbers")
    tensor = on_device(tensor, device)
    require_numbers({"": tensor}, call, described(value))
    return tensor if torch.is_grad_enabled() else tensor.detach()


def require_numbers(tensors: Mapping[str, Tensor], call: str, what: str) -> None:
    """Refuse NaN, naming the first tensor that has one."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        if id(tensor) in seen or tensor.sum().isfinite():  # faster than a look at each number
            seen.add(id(tensor))
            continue
        n = int(tensor.isnan().sum())
        if n:
            where = f" in {name}" if name else ""
            raise UnusableError(call, f"returned {what} with {n} NaN{where}", "numbers")


def _require_valid(p: Distribution, call: str) -> None:
    """Check parameters that torch did not, since ``validate_args`` was False."""
    unchecked: dict[str, Any] = {} if p._validate_args else dict(p.arg_constraints)
    is_dependent: Callable[[Any], bool] = constraints.is_dependent
    for name, allowed in unchecked.items():
        given = vars(p).get(name)
        if not isinstance(given, Tensor) or is_dependent(allowed):
            continue
        if not bool(allowed.check(given).all()):
            raise refused_parameter(call, name, type(p).__name__, str(allowed))


def described(value: Any) -> str:
    """Say what a value is, with its shape where it has one."""
    if value is None:
        return "None (is a return missing?)"
    if isinstance(value, Distribution):
        batch, event = tuple(value.batch_shape), tuple(value.event_shape)
        return f"{family_of(value)} with batch {batch} and event {event}"
    if isinstance(value, Tensor | np.ndarray):
        dtype = str(value.dtype).removeprefix("torch.")
        kind = "tensor" if isinstance(value, Tensor) else "array"
        return f"a {kind} {tuple(value.shape)} of {dtype}"
    size = f" of {len(value)}" if isinstance(value, Sequence | Mapping) else ""
    return f"a {type(value).__name__}{size}"


def family_of(p: Distribution) -> str:
    """Return the name of the distribution of single numbers with its article."""
    name = type(family(p)).__name__
    return f"an {name}" if name[0] in "AEIO" else f"a {name}"


def per_datum(value: Any, n: int, call: str, device: Any) -> Tensor:
    """Return one number per datum, (n,)."""
    expected = f"a tensor ({n},)"
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        fix = "sum in float32: .float().sum(1)"
        raise UnusableError(call, f"returned {described(value)}", "float32 or float64", fix)
    tensor = tensor_of(value, call, expected, device)
    if tensor.shape not in ((n,), (n, 1)):
        fix = ".flatten(1).sum(1)" if tensor.ndim > 1 and len(tensor) == n else "one per datum"
        raise UnusableError(call, f"returned {described(value)}", expected, fix)
    return tensor.reshape(n)


def draws_of(value: Any, k: int, n: int, call: str, device: Any) -> Tensor:
    """Return k draws for each of n data, (k, n)."""
    expected = f"a tensor ({k}, {n}), a row for each draw"
    tensor = tensor_of(value, call, expected, device)
    if tensor.shape != (k, n):
        raise UnusableError(call, f"returned {described(value)}", expected)
    return tensor


def images_of(value: Any, n: Sequence[int], image: torch.Size, call: str, device: Any) -> Tensor:
    """Return images (*n, *image), from images or flat ones of that order."""
    value = mean_of(value) if isinstance(value, Distribution) else value
    expected = f"images {(*n, *image)}"
    tensor = tensor_of(value, call, expected, device)
    if tensor.numel() != prod(n) * prod(image):
        raise UnusableError(call, f"returned {described(value)}", expected)
    n_given = 1 if tensor.ndim and len(tensor) == prod(n) else len(n)
    require_order(tensor.shape[n_given:], image, call, described(value), expected)
    return tensor.reshape(*n, *image)


def require_order(
    found: Sequence[int], image: Sequence[int], call: str, what: str, expected: str
) -> None:
    """Refuse images whose dimensions stand in another order, and say how to turn them."""
    if not same_order(found, image):
        dims = permutation(found, image)
        turned = f".permute{(0, *dims)}" if dims else ""
        raise UnusableError(call, f"returned {what}", expected, turned)


def observation_of(
    value: Any, leading: torch.Size, image: torch.Size, call: str, device: Any
) -> Distribution:
    """Return p(x given z) with batch ``leading`` and the image's shape as event."""
    n = len(image)
    expected = f"a distribution with batch {tuple(leading)} and event {tuple(image)}"
    p = distribution_of(value, call, expected, n, device)
    if isinstance(p, Tensor):
        found = f"returned {described(value)}, a mean without a density"
        fix = f"return Independent(Bernoulli(probs=...), {n}), say"
        images = images_of(p, leading, image, call, device)
        return MeanOnly(images, len(leading), UnusableError(call, found, expected, fix))
    p = as_event(p, len(leading))
    what = described(p if p is not value else value)
    if p.batch_shape != leading or prod(p.event_shape) != prod(image):
        raise UnusableError(call, f"returned {what}", expected, _fix_of(p, leading, image))
    require_order(p.event_shape, image, call, what, expected)
    return p if p.event_shape == image else Arranged(p, leading, image)


def _fix_of(p: Distribution, leading: torch.Size, image: torch.Size) -> str:
    """Guess at why an observation model has another shape."""
    base = innermost(p)
    if isinstance(base, OneHotCategorical):
        return "Categorical(logits=...) takes levels, not one-hot rows"
    if hasattr(base, "logits") and base.has_enumerate_support and base.event_shape == ():
        classes = base.logits.shape[-1] if base.logits.shape != base.batch_shape else 0
        if classes in image:
            return "a Categorical's classes are the last dimension: logits.movedim(-3, -1)"
    if prod(p.batch_shape + p.event_shape) == prod(leading) * prod(image):
        return f"Independent(..., {len(image)}) of parameters {(*leading, *image)}"
    return ""


def posterior_of(
    value: Any, n: int, latent: torch.Size | None, call: str, device: Any
) -> Distribution:
    """Return q(z given x) with batch (n,) and the event of the prior, where that is known."""
    event = tuple(latent) if latent is not None else "(D,)"
    expected = f"a distribution with batch ({n},) and event {event}"
    q = distribution_of(value, call, expected, len(latent or (1,)), device)
    if isinstance(q, Tensor):
        found, fix = f"returned {described(value)}", "return Independent(Normal(mean, scale), 1)"
        refusal = UnusableError(call, f"{found}, not a distribution", expected, fix)
        if not q.ndim or len(q) != n or q.shape[1:] != (latent or q.shape[1:]):
            raise refusal
        return MeanOnly(q, 1, refusal)
    found, q = f"returned {described(q)}", as_event(q, 1)
    if q.batch_shape != (n,):
        raise UnusableError(call, found, expected, "one distribution per datum: .expand repeats it")
    if latent is not None and q.event_shape != latent:
        raise UnusableError(call, found, f"{expected}, that of prior()", _fix_of_prior(q, latent))
    return q


def _fix_of_prior(q: Distribution, latent: torch.Size) -> str:
    """Say how the prior gets the event of the posterior, if it is the prior that is odd."""
    if len(q.event_shape) != 1 or latent.numel() not in (1, q.event_shape[0]):
        return ""
    return f"prior() could return Independent(Normal(torch.zeros({q.event_shape[0]}), 1), 1)"


def code_of(value: Any, n: int, call: str, device: Any) -> tuple[Tensor, str]:
    """Return the code (n, ...) of each datum, with a remark if it was one part of what came."""
    expected, remark = f"a code ({n}, D)", ""
    value = _named_pair(value)
    if isinstance(value, Distribution):
        value, remark = mean_of(value), "the mean of the distribution is the code"
    elif isinstance(value, tuple | list) and len(value) == 2 and _alike(*value):
        value, remark = value[0], "the first of two tensors, the mean, is the code"
    elif isinstance(value, tuple | list) and any(isinstance(v, Tensor) for v in value):
        found = f"returned a {type(value).__name__} of {len(value)}"
        raise UnusableError(call, found, expected, "return the code alone")
    code = tensor_of(value, call, expected, device)
    if not code.ndim or len(code) != n:
        raise UnusableError(call, f"returned {described(value)}", expected)
    return code, remark


def _alike(first: Any, second: Any) -> bool:
    both = isinstance(first, Tensor) and isinstance(second, Tensor)
    return both and first.shape == second.shape and first.ndim > 1
