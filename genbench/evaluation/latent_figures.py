"""Figures of a latent space: codes, manifold, interpolations and traversals."""

from collections.abc import Sequence
from math import isqrt

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from genbench.core.capabilities import (
    Conditions,
    ConditionsOnPixels,
    Decodes,
    Generative,
    HasPrior,
    Variational,
)
from genbench.core.tensors import mean_of, stddev_of
from genbench.evaluation.figure_source import (
    FigureSource,
    Tensors,
    affordable,
    codes_of,
    figure,
    has_codes,
    images_of,
    to_bytes,
)
from genbench.inference.bounds import kl_terms, posterior_of, prior_of

N_LATENT = 2000
N_GRID = 20
N_PAIRS, N_STEPS = 5, 9
N_TRAVERSED, N_VALUES, REACH = 10, 11, 3.0


def activity(q: Distribution, p: Distribution) -> tuple[Tensor, bool]:
    """Return how much each latent dimension is used, (D,), and whether that is a KL in nats.

    It is the mean KL over the data, or the variance of the posterior means if the KL cannot be
    split.
    """
    parts = kl_terms(q, p)[1]
    if parts is not None:
        return parts.mean(dim=0), True
    return mean_of(q).var(dim=0, correction=0), False


@figure("latent")
def latent(source: FigureSource) -> Tensors:
    """Posterior means in the two most active dimensions, with the labels of the data.

    For an autoencoder, its codes if they have two dimensions.
    """
    rows = slice(N_LATENT)
    view, x, y = source.view(rows), source.x[rows], source.y[rows]
    if isinstance(view, Variational):
        q = posterior_of(view, x)
        means = mean_of(q).flatten(1).float()
        used, _ = activity(q, prior_of(view))
        dims = used.topk(min(2, means.shape[1])).indices
        return {"latent_means": means[:, dims], "latent_labels": y, "latent_dims": dims}
    if has_codes(view) and (codes := codes_of(view, x)).shape[1:] == (2,):
        dims = torch.arange(2)
        return {"latent_means": codes.float(), "latent_labels": y, "latent_dims": dims}
    return {}


def manifold_codes(p: Distribution, n: int) -> Tensor | None:
    """Return a grid of the unit square through the inverse distribution function of p, (n, n, 2).

    The coordinates are F^-1((i + 1/2) / n), so each cell has the same prior probability. The
    first dimension rises from left to right, the second from bottom to top. None unless p has two
    independent dimensions whose F^-1 torch knows.

    References:
        Kingma and Welling 2014, appendix A.
    """
    if p.event_shape != (2,) or not isinstance(p, Independent):
        return None
    centre = mean_of(p)
    u = (torch.arange(n, dtype=torch.float64, device=centre.device) + 0.5) / n
    try:
        coordinates = p.base_dist.icdf(u.unsqueeze(1)).to(centre.dtype)  # (n, 2)
    except NotImplementedError:
        return None
    first, second = coordinates.T
    across, up = torch.meshgrid(first, second.flip(0), indexing="xy")
    return torch.stack((across, up), dim=-1)


@figure("manifold")
def manifold(source: FigureSource) -> Tensors:
    """Mean images over a grid of a two-dimensional latent space, (n, n, C, H, W), top row first."""
    model = source.model
    if not isinstance(model, HasPrior) or not isinstance(model, Decodes | Generative):
        return {}
    n = isqrt(affordable(N_GRID**2, source.x, least=25))
    z = manifold_codes(prior_of(model), n)  # type: ignore[arg-type]
    if z is None:
        return {}
    images = images_of(model, z.flatten(0, 1))
    return {"manifold": to_bytes(images).reshape(n, n, *source.x.shape[1:])}


def pairs_of(source: FigureSource) -> Tensor:
    """Return the rows of the pairs of data to interpolate between, (P, 2).

    The first datum of a label is paired with that of the next label. For a conditional model, which
    keeps its label along the path, the first two data of each label are paired; without labels,
    evenly spaced data.
    """
    y = source.y.cpu()
    rows = [(y == label).nonzero().flatten().tolist() for label in torch.unique(y)]
    if isinstance(source.model, Conditions):
        pairs = [pair for of_label in rows for pair in _by_two(of_label[:2])]
    elif len(rows) > 1:
        pairs = _by_two([of_label[0] for of_label in rows])
    else:
        spaced = torch.linspace(0, len(y) - 1, 2 * N_PAIRS).long().tolist()
        pairs = _by_two(spaced)
    return torch.tensor(pairs[:N_PAIRS], dtype=torch.long, device=source.y.device).reshape(-1, 2)


def _by_two(rows: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(rows[::2], rows[1::2], strict=False))


@figure("interpolations")
def interpolations(source: FigureSource) -> Tensors:
    """Mean images along straight lines between the codes of two data, (P, steps, C, H, W).

    The first and the last are the reconstructions; ``interpolation_ends`` (P, 2, C, H, W) are the
    data themselves.
    """
    rows = pairs_of(source)
    start, end = rows.T
    view = source.view(start)
    if not len(rows) or not has_codes(view) or isinstance(source.model, ConditionsOnPixels):
        return {}
    first, last = codes_of(view, source.x[start]), codes_of(source.view(end), source.x[end])
    t = torch.linspace(0, 1, N_STEPS).to(first).reshape(-1, *[1] * first.ndim)
    images = images_of(view, torch.lerp(first, last, t)).transpose(0, 1)  # (P, steps, ...)
    shape = source.x.shape[1:]
    return {
        "interpolations": to_bytes(images).reshape(-1, N_STEPS, *shape),
        "interpolation_ends": to_bytes(source.x[rows]),
    }


@figure("traversals")
def traversals(source: FigureSource) -> Tensors:
    """Mean images as one latent dimension moves through the prior, (n, values, C, H, W).

    The others stay at the posterior mean of the first datum. The most active dimensions come
    first: ``traversal_dims`` lists them, ``traversal_kl`` has their mean KL in nats if it is
    known, and ``traversal_values`` the values they are set to, in prior standard deviations.
    """
    rows = slice(N_LATENT)
    view = source.view(rows)
    if not isinstance(view, Variational) or not has_codes(view):
        return {}
    p, q = prior_of(view), posterior_of(view, source.x[rows])
    if (p.batch_shape, len(p.event_shape)) != ((), 1):
        return {}
    used, in_nats = activity(q, p)
    n = affordable(N_TRAVERSED * N_VALUES, source.x, least=2 * N_VALUES) // N_VALUES
    dims = used.argsort(descending=True, stable=True)[:n]
    values = torch.linspace(-REACH, REACH, N_VALUES, device=used.device)
    one = source.view(slice(1))
    centre = mean_of(posterior_of(one, source.x[:1]))  # (1, D)
    mean, stddev = mean_of(p), stddev_of(p)
    z = centre.repeat(len(dims), N_VALUES, 1, 1)  # (n, values, 1, D)
    for row, d in enumerate(dims.tolist()):
        z[row, :, 0, d] = mean[d] + values * stddev[d]
    images = to_bytes(images_of(one, z)).reshape(len(dims), N_VALUES, *source.x.shape[1:])
    tensors = {"traversals": images, "traversal_dims": dims, "traversal_values": values}
    return tensors | ({"traversal_kl": used[dims]} if in_nats else {})
