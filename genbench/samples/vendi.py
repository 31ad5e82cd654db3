"""The Vendi score: how many different samples there seem to be."""

import math

import torch
from torch import Tensor

from genbench.core.estimate import Estimate, NotApplicableError, require_finite


def vendi_score(x: Tensor) -> Estimate:
    """Return exp of the entropy of the eigenvalues of the cosine-similarity matrix over n.

    1 if all samples point in one direction, n if they are orthogonal; at most d. Computed from
    X'X / n (d, d), which has the same non-zero eigenvalues as XX' / n (n, n). It is biased
    downwards, its logarithm by (d − 1) / (2 n) for uniform directions, so compare equal n only. The
    standard error is that of the infinitesimal jackknife, the limit of leaving out a sample.

    Args:
        x: Features of samples, (N, d); their lengths do not matter.

    Raises:
        NotApplicableError: A sample has no direction, or there are fewer than two.

    References:
        Friedman, Dieng 2023, definition 3.1; Jaeckel 1972 for the error.
    """
    directions = _directions(x)
    values, vectors = torch.linalg.eigh(directions.T @ directions / len(x))
    surprise = -values.clamp(min=torch.finfo(x.dtype).tiny).log()  # (d,)
    entropy = (values.clamp(min=0) * surprise).sum()
    influence = (directions @ vectors).square() @ surprise - entropy  # (N,)
    score = math.exp(float(entropy))
    return Estimate(score, score * float(influence.std()) / math.sqrt(len(x)), len(x))


def _directions(x: Tensor) -> Tensor:
    """Return the rows of x at length 1."""
    require_finite(x)
    if len(x) < 2:
        raise NotApplicableError(f"needs 2 samples, found {len(x)}")
    lengths = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        raise NotApplicableError("a sample has features that are all 0: it has no direction")
    directions: Tensor = x / lengths
    return directions
