"""Tests of sample metrics, as functions without arguments."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.samples import vendi
from tests.samples import test_kid as kid_tests
from tests.samples import test_memorisation as memorisation_tests
from tests.samples.drawn import normal


def kernel_intervals():
    kid_tests.test_the_mean_is_the_closed_form_and_intervals_cover_it(kid_tests.distances())


def normal_z():
    memorisation_tests.test_z_is_standard_normal_without_copying(
        memorisation_tests.without_copying()
    )


class _Sizes(TorchDispatchMode):
    """Notes the largest number of elements of any result."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        parts = out if isinstance(out, tuple | list) else (out,)
        sizes = [part.numel() for part in parts if isinstance(part, torch.Tensor)]
        self.largest = max(self.largest, *sizes, 0)
        return out


def small_matrix():
    """No intermediate result of the Vendi score is larger than the features."""
    x = normal(0, 500, 8)
    with _Sizes() as sizes:
        vendi.vendi_score(x)
    assert sizes.largest == x.numel()
