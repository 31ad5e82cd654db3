"""Event shapes, dtypes and counts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from genbench.core.tensors import (
    Rows,
    as_event,
    count_parameters,
    device_of,
    float_dtype,
    joined,
    sum_in_float64,
    support_of,
)


@pytest.mark.parametrize("batch_ndim", [0, 1, 2, 3])
def test_as_event_sums_the_log_probability_over_all_other_dimensions(batch_ndim):
    x = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    read = as_event(Normal(torch.zeros_like(x), 2.0), batch_ndim)
    assert read.batch_shape == x.shape[:batch_ndim]
    assert read.event_shape == x.shape[batch_ndim:]
    single = Normal(0.0, 2.0).log_prob(x)
    expected = single.flatten(batch_ndim).sum(-1) if batch_ndim < 3 else single
    assert torch.allclose(read.log_prob(x), expected, atol=1e-13)


def test_as_event_leaves_a_distribution_with_the_right_batch_alone():
    read = Independent(Normal(torch.zeros(2, 3), 1.0), 1)
    assert as_event(read, 1) is read
    correlated = MultivariateNormal(torch.zeros(2, 3), torch.eye(3))
    assert as_event(correlated, 1) is correlated


@settings(deadline=None)
@given(st.sampled_from([torch.float64, torch.float32, torch.bfloat16]))
def test_float_dtype_is_that_of_the_weights(dtype):
    assert float_dtype(nn.Linear(2, 1).to(dtype), torch.float16) is dtype


def test_float_dtype_falls_back_where_there_are_no_weights():
    assert float_dtype(object(), torch.float64) is torch.float64
    assert float_dtype(nn.ReLU(), torch.float16) is torch.float16


def test_float_dtype_reads_buffers_and_skips_integers():
    module = nn.Module()
    module.register_buffer("count", torch.zeros(1, dtype=torch.int64))
    assert float_dtype(module, torch.float16) is torch.float16
    module.register_buffer("mean", torch.zeros(1, dtype=torch.float64))
    assert float_dtype(module, torch.float16) is torch.float64


def test_parameters_are_counted_and_buffers_only_where_there_are_none():
    assert count_parameters(nn.Linear(3, 2)) == 3 * 2 + 2
    assert count_parameters(nn.BatchNorm1d(4)) == 8  # running statistics are not learned numbers
    fitted = nn.Module()
    fitted.register_buffer("W", torch.zeros(5, 2))
    assert count_parameters(fitted) == 10


def test_device_of_is_that_of_the_weights():
    cpu, meta = torch.device("cpu"), torch.device("meta")
    assert device_of(nn.Linear(2, 1, device="meta"), cpu) == meta
    assert device_of(object(), meta) == meta
    assert device_of(nn.ReLU(), meta) == meta


def test_support_of_is_none_where_a_distribution_does_not_say():
    class Silent(Normal):
        @property
        def support(self):
            raise NotImplementedError

    assert support_of(Silent(0.0, 1.0)) is None
    assert support_of(Independent(Silent(torch.zeros(2), 1.0), 1)) is None
    assert support_of(Normal(0.0, 1.0)) is Normal.support


@pytest.mark.parametrize("n", [1, 999, 1000, 1001, 2500])
def test_a_sum_in_float64_is_that_of_all_rows(n):
    x = torch.rand(n, 2, 3, generator=torch.Generator().manual_seed(n))
    assert torch.allclose(sum_in_float64(x), x.double().sum(dim=0), rtol=1e-14, atol=0)


def test_pieces_are_joined_as_by_cat_with_the_widest_type():
    pieces = [torch.rand(3, 2), torch.rand(1, 2, dtype=torch.float64), torch.rand(2, 2)]
    found = joined(iter(pieces), 6)
    assert torch.equal(found, torch.cat(pieces))
    assert found.dtype == torch.float64
    assert torch.equal(joined(pieces, 5), torch.cat(pieces)[:5])


def test_pieces_are_copied_into_one_place_and_keep_no_gradient():
    piece = torch.ones(2, requires_grad=True)
    rows = Rows(piece, 4)
    rows.add(piece)
    place = rows.so_far.data_ptr()
    rows.add(3 * piece)
    assert rows.so_far.tolist() == [1, 1, 3, 3]
    assert rows.so_far.data_ptr() == place
    assert not rows.so_far.requires_grad


def test_pieces_of_other_shapes_are_refused_also_where_they_could_be_repeated():
    with pytest.raises(ValueError, match=r"\[3\] in one piece and \[1\] in another"):
        joined([torch.zeros(2, 3), torch.zeros(2, 1)], 4)
    with pytest.raises(ValueError, match="no pieces"):
        joined([], 0)
