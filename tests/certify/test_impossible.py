import math

import torch

from genbench.certify.impossible import judge_mass


def test_no_probability_is_above_one():
    values = torch.tensor([-math.inf, -3.0, 0.0])
    assert judge_mass("mine", values).passed
    failed = judge_mass("mine", values + 0.01)
    assert not failed.passed
    assert failed.found == torch.tensor(0.01).item()
