"""Copies between host and device; torch's meta device stands for a GPU."""

import torch

from genbench.bench.transfers import Transfer, record_transfers, repeat

META = torch.device("meta")


def test_copies_to_the_device_are_counted_in_bytes():
    x, there = torch.ones(3, 5), torch.empty(7, device=META)
    found = record_transfers(lambda: (x.to(META), there.copy_(torch.ones(7))))
    assert found == [Transfer(60, True, False), Transfer(28, True, False)]


def test_copies_within_a_device_are_none():
    x, there = torch.ones(3), torch.ones(3, device=META)

    def work():
        x.clone().copy_(x + 1)
        x.sum().item()  # read where it is
        there.to(torch.float64).copy_(there)
        there.fill_(2.0)  # a number travels with the launch

    assert record_transfers(work) == []


def test_a_repetition_makes_the_same_copies():
    found = [Transfer(60, True, False), Transfer(4, True, False)]
    assert record_transfers(repeat(found, META)) == found


def test_nothing_to_copy_is_nothing_to_repeat():
    assert record_transfers(repeat([], META)) == []
