"""Holds the claim of any model against the length of what it makes of images."""

import math
from typing import Any

import torch
from torch import Tensor

from genbench.certify.coding.coder import Coded, decode, encode, levels_of
from genbench.certify.coding.schemes import Known
from genbench.certify.coding.stored_claims import Claim
from genbench.certify.coding.subject import Subject
from genbench.certify.verdict import Verdict
from genbench.core.capabilities import bind
from genbench.core.errors import StorageError
from genbench.core.seeding import seeded
from genbench.core.tensors import float_dtype
from genbench.evaluation.runner import eval_mode
from genbench.inference.bounds import elbo_terms

_N_DRAWS = 10


def compress_model(
    model: Any,
    x: Tensor,
    y: Tensor | None = None,
    claim: Tensor | None = None,
    name: str = "model",
) -> list[Verdict]:
    """Code images by a model, decode them, and compare the length with what it claims.

    Both happen in this process, because the code of the model may be nowhere else; the decoder is
    given the bits, and of the images only their labels or shown pixels.

    Args:
        model: Anything with the methods of a latent-variable model with a Gaussian posterior, with
            ``distribution()``, a mass of independent pixels, or with ``pixel_by_pixel(n)``, masses
            of each pixel given those before it.
        x: Images (N, C, H, W) with the levels of the model.
        y: Labels (N,), of a model that is conditional on them.
        claim: What is claimed of log p(x), (N,) in nats; by default ``log_prob(x)`` of a model that
            is coded exactly, else the ELBO as genbench computes it.
        name: Of the model, in the verdicts.

    Raises:
        NotApplicableError: Images cannot be coded by the model, or are too few; says why.

    Example:
        >>> from genbench.models.densities import IndependentBernoulli
        >>> x = torch.rand(500, 1, 4, 4, generator=torch.Generator().manual_seed(0)).round()
        >>> model = IndependentBernoulli((1, 4, 4))
        >>> model.fit(x)
        >>> [verdict.verdict for verdict in compress_model(model, x)]
        ['pass', 'pass']
    """
    known = Known.of(model, x, y)
    with eval_mode(model), torch.no_grad():
        coded = encode(model, known, x)
        claimed = _claim(model, x, y, claim, coded)
        subject = Subject(f"{name}: {claimed.metric}", levels_of(x, coded.n_levels), coded, claimed)
        subject.require_enough_images()
        return subject.verdicts(_decoded(model, known, coded))


def _decoded(model: Any, known: Known, coded: Coded) -> bytes | str:
    try:
        images = decode(model, known, coded.payload, coded.n_images, coded.n_initial)
    except StorageError as error:
        return str(error)
    return images.tobytes()


def _claim(model: Any, x: Tensor, y: Tensor | None, claim: Tensor | None, coded: Coded) -> Claim:
    view, x = bind(model, y, x), x.to(float_dtype(model, x.dtype))
    if coded.is_exact:
        nats = view.log_prob(x) if claim is None else claim
        return Claim("log p(x)", float(nats.double().mean()), 0.0)
    with seeded(0, "certify", "bound"):
        terms = elbo_terms(view, x, _N_DRAWS, control_variate=True)
    nats = terms.elbo if claim is None else claim
    assert terms.elbo_variance is not None
    of_draws = float(terms.elbo_variance.sum()) * (_N_DRAWS + 1)
    return Claim("bound on log p(x)", float(nats.double().mean()), math.sqrt(of_draws) / len(x))
