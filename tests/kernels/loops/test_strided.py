"""Elementwise kernels over arrays of any strides, against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.program import Program
from flambeau.kernels import build

SIZES = (1, 2, 7, 15, 16, 17, 33, 64, 130)


def interpreter(*given: Any) -> Any:
    raise AssertionError("machine code was expected to take these arrays")


def kernel(dtype: Any, count: int, into: bool = False) -> Callable:
    """x, or 2 x - y, or x y + z, of arrays of a dtype."""
    domain = Domain.REAL if np.dtype(dtype).kind == "f" else Domain.INT
    symbols = tuple(symbol(name, domain) for name in "xyz"[:count])
    x = symbols[0]
    if count == 1:
        root = x * 3
    elif count == 2:
        root = x * 2 - symbols[1]
    else:
        root = x * symbols[1] + symbols[2]
    dtype = np.dtype(dtype)
    facts = Program(symbols, (root,)), [dtype] * count, dtype, [dtype], "strided"
    made = build(*facts, False, interpreter, into=into)
    assert made is not None
    return made


def expected(*arrays: Any) -> Any:
    two = arrays[0].dtype.type(2)
    if len(arrays) == 1:
        return arrays[0] * arrays[0].dtype.type(3)
    return arrays[0] * two - arrays[1] if len(arrays) == 2 else arrays[0] * arrays[1] + arrays[2]


def values(shape: tuple[int, ...], dtype: Any) -> Any:
    return np.random.default_rng(sum(shape)).integers(0, 50, shape).astype(dtype)


LAYOUTS: dict[str, Callable[[int, int, Any], Any]] = {
    "in order": lambda n, m, dtype: values((n, m), dtype),
    "transposed": lambda n, m, dtype: values((m, n), dtype).T,
    "every second row": lambda n, m, dtype: values((2 * n, m), dtype)[::2],
    "every second column": lambda n, m, dtype: values((n, 2 * m), dtype)[:, ::2],
    "every third column": lambda n, m, dtype: values((n, 3 * m), dtype)[:, 1::3],
    "inner": lambda n, m, dtype: values((n, m + 2), dtype)[:, 1:-1],
    "backwards": lambda n, m, dtype: values((n, m), dtype)[:, ::-1],
    "upside down": lambda n, m, dtype: values((n, m), dtype)[::-1],
    "transposed inner": lambda n, m, dtype: values((m + 3, n + 1), dtype)[3:, 1:].T,
    "row": lambda n, m, dtype: values((1, m), dtype),
    "column": lambda n, m, dtype: values((n, 1), dtype),
    "expanded": lambda n, m, dtype: np.broadcast_to(values((n, 1), dtype), (n, m)),
    "number": lambda n, m, dtype: values((), dtype),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int16", "uint8"])
def test_every_pair_of_layouts(dtype: str) -> None:
    run, into = kernel(dtype, 2), kernel(dtype, 2, into=True)
    for (a, b), n, m in itertools.product(itertools.product(LAYOUTS, LAYOUTS), (5, 35), (3, 37)):
        x, y = LAYOUTS[a](n, m, dtype), LAYOUTS[b](n, m, dtype)
        wanted = expected(x, y).astype(dtype)
        assert np.array_equal(run(x, y), wanted), (a, b, n, m)
        target = np.zeros(wanted.shape, dtype)
        assert into(target, x, y) is target
        assert np.array_equal(target, wanted), (a, b, n, m)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8"])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "number"])
def test_sizes_around_the_edges_of_vectors_and_blocks(layout: str, dtype: str) -> None:
    run = kernel(dtype, 1)
    for n, m in itertools.product(SIZES, SIZES):
        x = LAYOUTS[layout](n, m, dtype)
        assert np.array_equal(run(x), expected(x)), (n, m)


@pytest.mark.parametrize(
    "layout", ["transposed", "every second column", "inner", "transposed inner"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8"])
def test_results_are_written_where_they_lie(layout: str, dtype: str) -> None:
    into = kernel(dtype, 2, into=True)
    for n, m in itertools.product((1, 5, 40), (2, 17, 70)):
        x, y = values((n, m), dtype), values((n, m), dtype)
        target = LAYOUTS[layout](n, m, dtype)
        whole = target if target.base is None else target.base
        before = whole.copy()
        into(target, x, y)
        wanted = expected(x, y)
        assert np.array_equal(target, wanted)
        target[...] = before if target is whole else LAYOUTS[layout](n, m, dtype)
        assert np.array_equal(whole, before), "what lies between is left alone"
        into(target, target, y)  # the target is an operand itself
        again = LAYOUTS[layout](n, m, dtype)
        assert np.array_equal(target, expected(again, y))


def test_operands_that_overlap_a_result() -> None:
    into = kernel("float32", 1, into=True)
    for view in (np.transpose, np.fliplr, lambda x: np.broadcast_to(x[:1], x.shape)):
        x = values((40, 40), "float32")
        wanted = expected(view(x).copy())
        into(x, view(x))
        assert np.array_equal(x, wanted)


def test_many_dimensions() -> None:
    run, x = kernel("float32", 3), values((2, 3, 2, 3, 2, 5), "float32")
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 37):
        a = x.transpose(order)
        b, c = a[:, :1], a[..., ::2, :1]
        c = np.broadcast_to(c[..., :1, :], (*a.shape[:4], 1, 1))
        assert np.array_equal(run(a, b, c), expected(a, b, c)), order


def test_results_lie_as_operands_do() -> None:
    """Strides that PyTorch 2.13 gives."""
    x = torch.zeros(2, 3, 4, 5)
    y = x.permute(0, 2, 3, 1)
    assert (y + 1).stride() == (60, 5, 1, 20)
    assert (y + torch.zeros(3)).stride() == (60, 5, 1, 20)
    assert (torch.zeros(4, 5, 3) + y).stride() == (60, 15, 3, 1)
    assert torch.zeros(6, 5).t()[::2].abs().stride() == (1, 3)
    last = x.contiguous(memory_format=torch.channels_last)
    assert (last * x).stride() == (60, 1, 15, 3)
    assert (x * last).stride() == (60, 20, 5, 1)
    flags = (torch.zeros(6, 5).t() + 1).numpy().flags
    assert (flags.f_contiguous, flags.c_contiguous) == (True, False)


def test_bits_do_not_depend_on_threads() -> None:
    x, y = torch.rand(700, 900).t(), torch.rand(900, 1400)[:, ::2]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = x * y + x
        torch.set_num_threads(2)
        assert torch.equal(alone, x * y + x)
    finally:
        torch.set_num_threads(threads)


def test_empty_and_single() -> None:
    x = torch.zeros(0, 3).t()
    assert (x + torch.zeros(3, 1)).shape == (3, 0)
    assert (torch.ones(1, 1).t() + torch.ones(1, 1, 1)).tolist() == [[[2.0]]]
    nan = torch.tensor([[float("nan"), float("inf")], [-0.0, 1.0]]).t()
    assert str(nan.abs().tolist()) == "[[nan, 0.0], [inf, 1.0]]"


def test_in_place_into_views() -> None:
    x = torch.arange(24.0).reshape(4, 6)
    x[:, ::2].mul_(2)
    x.t().add_(torch.arange(6.0)[:, None])
    row = np.arange(24.0).reshape(4, 6)
    row[:, ::2] *= 2
    assert np.array_equal(x.numpy(), row + np.arange(6.0))
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.zeros(3, 1).expand(3, 4).add_(1)
