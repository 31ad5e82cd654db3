"""Which classes samples belong to, by a network's predictions and its known errors."""

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtr
from torch import Tensor

from genbench.core.estimate import Estimate, NotApplicableError

LEAST_SHARE = 0.01
"""Share from which on a class counts as covered."""
MOST_NOISE = 10.0
"""How much noise of a predicted share may grow by the correction."""


@dataclass(frozen=True)
class Shares:
    """Estimated shares of the classes among samples; they sum to 1.

    Attributes:
        values: (C,); a class that hardly occurs may have a share slightly below 0.
        covariance: Of these, (C, C), multinomial.
        n: Number of samples.
    """

    values: Tensor
    covariance: Tensor
    n: int

    @property
    def stderrs(self) -> Tensor:
        """Standard error of each share, (C,)."""
        return self.covariance.diagonal().clamp(min=0).sqrt()


def class_shares(predicted: Tensor, confusion: Tensor) -> Shares:
    """Estimate class shares π from predicted classes, whose shares have the mean π'C.

    Solving for π takes out what a network is known to confuse; without bias, if it confuses samples
    as it confuses data. The error of the confusion matrix itself is not included.

    Args:
        predicted: Class of each sample by the network, (N,).
        confusion: C = P(predicted | true) of the network on held-out data, (C, C); the identity
            leaves predictions as they are.

    Raises:
        NotApplicableError: There are no samples, or the network does not tell the classes apart.

    References:
        McLachlan 1992; Lipton, Wang, Smola 2018.
    """
    if len(predicted) == 0:
        raise NotApplicableError("needs 1 sample, found 0")
    confusion = confusion.double().cpu()
    inverse, failed = torch.linalg.inv_ex(confusion)
    if int(failed) or not bool(inverse.abs().amax() <= MOST_NOISE):
        raise NotApplicableError("the network does not tell the classes apart")
    seen = torch.bincount(predicted.cpu(), minlength=len(confusion)).double() / len(predicted)
    multinomial = (seen.diag() - seen.outer(seen)) / len(predicted)
    return Shares(seen @ inverse, inverse.T @ multinomial @ inverse, len(predicted))


def class_coverage(shares: Shares) -> Estimate:
    """Return how many classes hold at least 1 % of the samples.

    The standard error is that of the classes near the limit: each is covered with the probability
    that its normal error leaves it there.
    """
    margin = shares.values - LEAST_SHARE
    covered = torch.from_numpy(ndtr((margin / shares.stderrs.clamp(min=1e-300)).numpy()))
    variance = float((covered * (1 - covered)).sum())
    return Estimate(float((margin >= 0).sum()), math.sqrt(variance), shares.n)


def rare(shares: Shares) -> list[int]:
    """Return the classes that hold less than 1 % of the samples."""
    found: list[int] = (shares.values < LEAST_SHARE).nonzero().flatten().tolist()
    return found


def total_variation(shares: Shares, data: Tensor) -> Estimate:
    """Return half the sum of absolute differences from the shares of the data, from 0 to 1.

    A share below 0 counts as 0, so that they are the shares of something. For equal shares it is
    positive, about 0.4 times the sum of the standard errors of the shares.

    Args:
        shares: Of the samples.
        data: Shares of the classes in the reference, (C,).
    """
    possible = shares.values.clamp(min=0)
    apart = possible / possible.sum() - data.to(possible)
    side = apart.sign() / 2
    variance = (side @ shares.covariance @ side).clamp(min=0)
    return Estimate(float(apart @ side), math.sqrt(float(variance)), shares.n)
