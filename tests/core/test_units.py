"""Nats, bits and bits per dimension."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core.units import bits_per_dim, nats_to_bits


@settings(deadline=None)
@given(st.integers(1, 4000))
def test_a_uniform_density_of_256_level_pixels_costs_8_bits(n_dims):
    assert bits_per_dim(0.0, n_dims, n_levels=256) == 8.0


@settings(deadline=None)
@given(st.integers(1, 4000))
def test_fair_coins_cost_one_bit_each(n_dims):
    assert bits_per_dim(-n_dims * math.log(2), n_dims, None) == pytest.approx(1.0, rel=1e-14)


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(2, 256))
def test_a_uniform_mass_over_levels_costs_their_logarithm(n_dims, n_levels):
    log_px = -n_dims * math.log(n_levels)
    assert bits_per_dim(log_px, n_dims, None) == pytest.approx(math.log2(n_levels), rel=1e-13)


def test_a_byte_is_eight_bits():
    assert nats_to_bits(math.log(256)) == pytest.approx(8.0, rel=1e-15)
