"""Streams addressed by name."""

import hashlib
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core.seeding import Stream, derive, generator, generators_kept, seeded

paths = st.lists(st.one_of(st.text(max_size=5), st.integers(0, 99)), max_size=3)


def test_derived_seeds_are_pinned():
    """They may never change: every stored number stands on them."""
    assert derive(0) == 7520536977032167579
    assert derive(0, "order", 3) == 6782676000726402274


@settings(deadline=None)
@given(st.integers(0, 2**31), paths)
def test_derive_is_63_bits_of_the_hash_of_the_name(seed, path):
    text = json.dumps([seed, *path], separators=(",", ":")).encode()
    expected = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") // 2
    assert derive(seed, *path) == expected
    assert 0 <= derive(seed, *path) < 2**63


@settings(deadline=None)
@given(st.integers(0, 9), paths, st.integers(0, 9), paths)
def test_streams_differ_exactly_where_names_or_seeds_differ(seed_a, a, seed_b, b):
    same = seed_a == seed_b and a == b
    assert (derive(seed_a, *a) == derive(seed_b, *b)) == same


def test_names_are_not_glued_together():
    assert derive(0, "a", "b") != derive(0, "ab") != derive(0, "a,b")
    assert derive(0, "1") != derive(0, 1)


def test_generator_and_seeded_start_the_same_stream():
    with seeded(3, "noise"):
        inside = torch.randn(20)
    assert torch.equal(inside, torch.randn(20, generator=generator(3, "noise")))
    assert torch.equal(inside, torch.randn(20, generator=Stream(3, ("noise",)).generator()))


def test_seeded_puts_the_global_generator_back():
    torch.manual_seed(11)
    expected = torch.randn(3)
    torch.manual_seed(11)
    with seeded(0, "x"):
        torch.randn(100)
    assert torch.equal(torch.randn(3), expected)


def test_seeded_puts_the_global_generator_back_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(0, "x"):
        torch.randn(5).reshape(7)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_drawn_inside_does_not_depend_on_the_global_generator():
    drawn = []
    for state in (1, 2):
        torch.manual_seed(state)
        with Stream(5, ("a",)).child("b", 0).seeded():
            drawn.append(torch.randn(4))
    assert torch.equal(*drawn)


def test_a_child_is_the_stream_below():
    stream = Stream(1).child("evaluate").child("block", 2)
    assert stream == Stream(1, ("evaluate", "block", 2))
    expected = torch.randn(5, generator=generator(1, "evaluate", "block", 2))
    assert torch.equal(torch.randn(5, generator=stream.generator()), expected)


class FakeGpu:
    """A CPU generator in the place of a GPU's, and how often it was touched."""

    def __init__(self):
        self.generator, self.touched = torch.Generator(), 0

    def __getattr__(self, name):
        self.touched += 1
        return getattr(self.generator, name)


@pytest.fixture
def gpus(monkeypatch):
    """Give torch three GPUs in use, of which number 1 is the current one."""
    fakes = tuple(FakeGpu() for _ in range(3))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "default_generators", fakes)
    return fakes


def test_seeded_starts_the_current_gpu_and_puts_it_back(gpus):
    gpu = gpus[1].generator
    before = gpu.get_state()
    for _ in range(2):
        with seeded(3, "noise"):
            drawn = torch.rand(9, generator=gpu)
        assert torch.equal(drawn, torch.rand(9, generator=generator(3, "noise")))
        assert torch.equal(gpu.get_state(), before)


def test_seeded_leaves_other_gpus_alone(gpus):
    with seeded(3, "noise"):
        pass
    assert [gpu.touched for gpu in gpus] == [0, 3, 0]


def test_on_a_mac_seeded_starts_the_generator_of_mps(monkeypatch):
    of_mps = torch.Generator()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "_get_default_mps_generator", lambda: of_mps)
    with seeded(3, "noise"):
        assert of_mps.initial_seed() == derive(3, "noise")
    assert of_mps.initial_seed() != derive(3, "noise")


def test_generators_are_kept_without_a_seed():
    torch.manual_seed(11)
    expected = torch.randn(3)
    torch.manual_seed(11)
    with generators_kept():
        assert torch.equal(torch.randn(3), expected)
    assert torch.equal(torch.randn(3), expected)
