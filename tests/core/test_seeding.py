"""Streams addressed by name."""

import hashlib
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core.seeding import Stream, derive, generator, seeded

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
