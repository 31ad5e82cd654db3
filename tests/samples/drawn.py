"""Draws that the tests of sample metrics share, and what is asked of a set of estimates."""

import math

import torch


def normal(seed, *shape):
    """Standard normal numbers, float64."""
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draws, dtype=torch.float64)


def coverage(estimates, truth):
    """The share of 95 % intervals that contain the truth."""
    return sum(abs(e.value - truth) <= 1.96 * e.stderr for e in estimates) / len(estimates)


def assert_mean_is(values, truth):
    """The mean of independent values is within four standard errors of the truth."""
    values = torch.tensor(values, dtype=torch.float64)
    stderr = float(values.std()) / math.sqrt(len(values))
    assert abs(float(values.mean()) - truth) < 4 * stderr


def jackknife_stderr(estimate, x):
    """The standard error by leaving out one row of x at a time."""
    values = torch.tensor(
        [estimate(torch.cat((x[:i], x[i + 1 :]))) for i in range(len(x))], dtype=torch.float64
    )
    return math.sqrt(float(values.var(correction=0)) * (len(x) - 1))
