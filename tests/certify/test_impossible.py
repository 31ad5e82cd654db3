import math

import pytest
import torch

from genbench.certify.impossible import judge_entropy, judge_mass, judge_order

HERE = "a world"
LAW = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)


def repeated(values, noise=0.0):
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(12, len(values), dtype=torch.float64, generator=generator)
    return values + noise * draws


def test_no_probability_is_above_one():
    values = torch.tensor([-math.inf, -3.0, 0.0])
    assert judge_mass("mine", HERE, values).passed
    failed = judge_mass("mine", HERE, values + 0.01)
    assert not failed.passed
    assert failed.found == pytest.approx(0.01)
    assert failed.check == "largest log p(x) in a world"


def test_no_code_is_shorter_than_the_entropy():
    entropy = 1.5 * math.log(2)
    honest = judge_entropy("mine", HERE, repeated(LAW.log()), LAW)
    assert honest.passed
    assert honest.found == pytest.approx(entropy)
    assert honest.expected == "at least 1.03972"
    assert judge_entropy("mine", HERE, repeated(LAW.roll(1).log()), LAW).passed  # another model
    assert not judge_entropy("mine", HERE, repeated(LAW.log() + 0.01), LAW).passed
    assert judge_entropy("mine", HERE, repeated(LAW.log(), 0.1), LAW).passed
    assert not judge_entropy("mine", HERE, repeated(LAW.log() + 1.0, 0.1), LAW).passed


def test_a_lower_bound_lies_below_the_exact_value():
    zero = torch.zeros(3, dtype=torch.float64)
    assert judge_order("mine", HERE, repeated(zero), LAW).passed
    assert judge_order("mine", HERE, repeated(zero - 3), LAW).passed
    assert judge_order("mine", HERE, repeated(zero, 0.1), LAW).passed
    assert not judge_order("mine", HERE, repeated(zero + 0.01), LAW).passed
    assert not judge_order("mine", HERE, repeated(zero + 1.0, 0.1), LAW).passed
