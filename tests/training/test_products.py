"""Products by oneDNN: exact where they can be, for every layout, only where they are meant to."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from genbench.training import products
from genbench.training.precision import products_in
from genbench.training.products import LEAST, fast_products, prefers_onednn, torch_products
from genbench.training.threads import threads

pytestmark = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")),
    reason="torch has no oneDNN here",
)

M, K, N = 130, 97, 90
"""Sizes of a product with more than ``LEAST`` multiplications, none a multiple of a vector."""


@pytest.fixture(autouse=True)
def _preferred(monkeypatch):
    monkeypatch.setattr(products, "prefers_onednn", lambda: True)


@pytest.fixture
def calls(monkeypatch):
    """The shapes of all products that oneDNN computes."""
    found, multiply = [], products._onednn

    def spy(a, b, bias):
        found.append((*a.shape, b.shape[1]))
        return multiply(a, b, bias)

    monkeypatch.setattr(products, "_onednn", spy)
    return found


def fractions(shape, seed):
    """Multiples of 1/16 below 2: every product of them, and every sum here, is exact."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-31, 32, shape, generator=generator) / 16


def layouts(shape, seed):
    """One matrix with its rows, its columns, or neither one after the other; and a part of one."""
    matrix, (n, m) = fractions(shape, seed), shape
    wide = torch.zeros(n, 2 * m)
    wide[:, ::2] = matrix
    tall = torch.zeros(n + 3, m)
    tall[3:] = matrix
    return [matrix, matrix.t().contiguous().t(), wide[:, ::2], tall[3:]]


def test_products_are_exact_in_every_layout(calls):
    assert M * K * N >= LEAST
    bias = fractions((N,), 2)
    for a in layouts((M, K), 0):
        for b in layouts((K, N), 1):
            exact = (a.double() @ b.double()).float()
            with fast_products():
                assert torch.equal(a @ b, exact)
                assert torch.equal(torch.addmm(bias, a, b), exact + bias)
    assert calls == [(M, K, N)] * 32


def test_layers_and_their_derivatives_are_exact_products(calls):
    x, slope = fractions((M, K), 0).requires_grad_(), fractions((M, N), 3)
    layer = nn.Linear(K, N)
    with torch.no_grad():
        layer.weight.copy_(fractions((N, K), 1))
        layer.bias.copy_(fractions((N,), 2))
    with fast_products():
        output = layer(x)
        found = torch.autograd.grad(output, (x, layer.weight, layer.bias), slope)
    weight = layer.weight.double()
    assert torch.equal(output, (x.double() @ weight.T + layer.bias).float())
    of_weight = (slope.double().T @ x.double()).float()
    exact = (slope.double() @ weight).float(), of_weight, slope.sum(dim=0)
    for ours, theirs in zip(found, exact, strict=True):
        assert torch.equal(ours, theirs)
    assert sorted(calls) == sorted([(M, K, N), (M, N, K), (N, M, K)])


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [
        (torch.ones(10, 20), torch.ones(20, 30), torch.ones(30)),
        (torch.ones(M, K).double(), torch.ones(K, N).double(), torch.ones(N).double()),
        (torch.ones(M, K).bfloat16(), torch.ones(K, N).bfloat16(), torch.ones(N).bfloat16()),
        (torch.ones(M, K).to(torch.complex64), torch.ones(K, N) * 1j, torch.ones(N) * 1j),
        (torch.ones(M, K).long(), torch.ones(K, N).long(), torch.ones(N).long()),
        (torch.ones(0, K), torch.ones(K, N), torch.ones(N)),
        (torch.ones(M, 0), torch.ones(0, N), torch.ones(N)),
    ],
    ids=["small", "float64", "bfloat16", "complex", "integers", "no_rows", "no_columns"],
)
def test_other_products_are_computed_as_ever(calls, a, b, c):
    expected = a @ b, torch.addmm(c, a, b)
    with fast_products():
        found = a @ b, torch.addmm(c, a, b)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    assert not calls


def test_sums_with_factors_or_matrices_are_computed_as_ever(calls):
    a, b = fractions((M, K), 0), fractions((K, N), 1)
    c, matrix = fractions((N,), 2), fractions((M, N), 3)
    expected = (
        torch.addmm(c, a, b, beta=2),
        torch.addmm(c, a, b, alpha=3),
        torch.addmm(matrix, a, b),
    )
    with fast_products():
        found = torch.addmm(c, a, b, beta=2), torch.addmm(c, a, b, alpha=3), matrix.addmm(a, b)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))
    assert not calls


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.ones(M, K), torch.ones(K + 1, N)),
        (torch.ones(M, K), torch.ones(K, N).double()),
        (torch.ones(K), torch.ones(K, N)),
        (torch.ones(2, M, K), torch.ones(K, N)),
    ],
    ids=["sizes", "dtypes", "vector", "batch"],
)
def test_errors_are_those_of_torch(a, b):
    with pytest.raises(RuntimeError) as theirs:
        torch.mm(a, b)
    with fast_products(), pytest.raises(RuntimeError) as ours:
        torch.mm(a, b)
    assert str(ours.value) == str(theirs.value)


def test_numbers_of_rows_that_vary_share_what_is_compiled(monkeypatch):
    shapes, multiply = set(), torch.ops.mkldnn._linear_pointwise

    def spy(a, *others):
        shapes.add(len(a))
        return multiply(a, *others)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", spy)
    b = fractions((200, 300), 1)
    with fast_products():
        for n in range(20, 513):
            a = fractions((n, 200), n)
            assert torch.equal(a @ b, (a.double() @ b.double()).float())
    assert shapes == {*range(24, 65, 8), *range(128, 513, 64)}


def test_a_row_does_not_depend_on_the_other_rows_nor_on_threads():
    generator = torch.Generator().manual_seed(0)
    for k, n in ((784, 400), (400, 784), (400, 40), (2000, 64)):
        a, b = torch.randn(2000, k, generator=generator), torch.randn(n, k, generator=generator).t()
        with fast_products():
            with threads(1):
                whole, part = a @ b, a[:100] @ b
            with threads(2):
                assert torch.equal(a @ b, whole)
        assert torch.equal(whole[:100], part)


def test_blocks_may_be_nested_and_the_last_one_leaves_torch_as_it_was(calls):
    a, b = torch.rand(M, K), torch.rand(K, N)
    before = a @ b
    with fast_products():
        with fast_products():
            first = a @ b
        second = a @ b
    assert torch.equal(first, second)
    assert len(calls) == 2
    assert torch.equal(a @ b, before)
    assert len(calls) == 2


def test_blocks_may_overlap_in_threads(calls):
    a, b = torch.rand(M, K), torch.rand(K, N)

    def multiply(_):
        with fast_products():
            return a @ b

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(multiply, range(40)))
    assert len(calls) == 40
    assert all(torch.equal(result, results[0]) for result in results)
    multiplied = a @ b
    assert multiplied.shape == (M, N)
    assert len(calls) == 40


def test_a_block_within_may_have_the_products_of_torch(calls):
    a, b = torch.rand(M, K), torch.rand(K, N)
    own = a @ b
    with fast_products():
        with torch_products(), fast_products():
            assert torch.equal(a @ b, own)
        assert not calls
        assert (a @ b).shape == own.shape
        assert len(calls) == 1
    with torch_products():
        assert torch.equal(a @ b, own)


def test_an_error_in_a_block_leaves_torch_as_it_was(calls):
    with pytest.raises(ZeroDivisionError), fast_products():
        raise ZeroDivisionError
    assert (torch.rand(M, K) @ torch.rand(K, N)).shape == (M, N)
    assert not calls


def test_a_caller_who_allows_bfloat16_gets_float32():
    parts = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv
    before = [part.fp32_precision for part in parts]
    try:
        for part in parts:
            part.fp32_precision = "bf16"
        with products_in("float32"):
            assert [part.fp32_precision for part in parts] == ["ieee", "ieee"]
        assert [part.fp32_precision for part in parts] == ["bf16", "bf16"]
    finally:
        for part, precision in zip(parts, before, strict=True):
            part.fp32_precision = precision


@pytest.mark.parametrize(
    ("vendor", "instructions", "preferred"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("GenuineIntel", "AVX512", False),
        ("AuthenticAMD", "AVX2", False),
        ("", "NEON", False),
    ],
)
def test_onednn_is_preferred_where_mkl_leaves_avx512_unused(
    monkeypatch, vendor, instructions, preferred
):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    monkeypatch.setattr(products, "processor", {"vendor_id": vendor}.get)
    assert prefers_onednn.__wrapped__() == preferred


def test_elsewhere_nothing_is_replaced(monkeypatch, calls):
    monkeypatch.setattr(products, "prefers_onednn", lambda: False)
    with fast_products():
        assert (torch.rand(M, K) @ torch.rand(K, N)).shape == (M, N)
    assert not calls
