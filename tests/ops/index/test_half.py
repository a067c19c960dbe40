"""Sums of half types where indices repeat are kept in float32: 3000 times 0.1 is 300, not 32 or 256."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import flambeau as torch

F = torch.nn.functional
N = 3000
Z = torch.zeros(N, dtype=torch.long)
PAIRS = Z.reshape(-1, 2)
HALVES = [torch.float16, torch.bfloat16]
SIZES = [1, 20_000]
"""Of the target: one that is widened as a whole, and one of which only what is named is."""


def tenth(dtype: Any, *shape: int) -> torch.Tensor:
    return torch.full(shape, 0.1, dtype=dtype)


def near(got: torch.Tensor, expected: float, dtype: Any) -> None:
    assert got.dtype is dtype
    assert got.item() == pytest.approx(expected, rel=0.01)


SUMS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "index_add": lambda x, v: x.index_add(0, Z, v),
    "index_add_": lambda x, v: x.index_add_(0, Z, v),
    "index_add_ of columns": lambda x, v: (
        x.expand(2, -1).clone().index_add_(1, Z, v.expand(2, -1))[1]
    ),
    "index_add_ of rows": lambda x, v: x[:, None].clone().index_add_(0, Z, v[:, None])[:, 0],
    "scatter_add": lambda x, v: x.scatter_add(0, Z, v),
    "scatter_add_": lambda x, v: x.scatter_add_(0, Z, v),
    "scatter": lambda x, v: x.scatter(0, Z, v.clone(), reduce="add"),
    "scatter_ of a number": lambda x, v: x.scatter_(0, Z, 0.1, reduce="add"),
    "scatter_reduce": lambda x, v: x.scatter_reduce(0, Z, v, "sum"),
    "scatter_reduce_ without": lambda x, v: x.scatter_reduce_(0, Z, v, "sum", include_self=False),
    "index_put": lambda x, v: x.index_put((Z,), v, accumulate=True),
    "index_put_ of two": lambda x, v: (
        x[:, None].clone().index_put_((Z, Z), v, accumulate=True)[:, 0]
    ),
    "index_put_ of one number": lambda x, v: x.index_put_((Z,), v[:1], accumulate=True),
    "put_": lambda x, v: x.put_(Z, v, accumulate=True),
}


@pytest.mark.filterwarnings("ignore:The reduce argument")
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SUMS)
def test_sums(name: str, size: int, dtype: Any) -> None:
    made = SUMS[name](torch.zeros(size, dtype=dtype), tenth(dtype, N))
    near(made[0], 300, dtype)
    assert not made[1:].any()


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("include", [True, False])
def test_means(include: bool, size: int, dtype: Any) -> None:
    x, v = torch.ones(size, dtype=dtype), tenth(dtype, N)
    expected = (300 + include) / (N + include)
    for made in (
        x.scatter_reduce(0, Z, v, "mean", include_self=include),
        x.clone().scatter_reduce_(0, Z, v, "mean", include_self=include),
        x.index_reduce(0, Z, v, "mean", include_self=include),
    ):
        near(made[0], expected, dtype)
        assert (made[1:] == 1).all()


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_products(dtype: Any) -> None:
    v = torch.full((100,), 1.0078125, dtype=dtype)
    for size in SIZES:
        x = torch.ones(size, dtype=dtype)
        near(x.scatter_reduce(0, Z[:100], v, "prod")[0], 1.0078125**100, dtype)


READS: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], torch.Tensor]]] = {
    "embedding": ((9, 1), lambda w: F.embedding(Z, w)),
    "embedding of a large table": ((20_000, 1), lambda w: F.embedding(Z, w)),
    "w[z]": ((9, 1), lambda w: w[Z]),
    "w[z, z]": ((9, 1), lambda w: w[Z, Z]),
    "w[:, z]": ((1, 9), lambda w: w[:, Z]),
    "index_select": ((9, 1), lambda w: w.index_select(0, Z)),
    "gather": ((9, 1), lambda w: w.gather(0, Z[:, None])),
    "take": ((9, 1), lambda w: w.take(Z)),
    "take_along_dim": ((9, 1), lambda w: w.take_along_dim(Z[:, None], 0)),
    "repeat_interleave": ((1,), lambda w: w.repeat_interleave(N)),
    "nearest": ((1, 1, 1), lambda w: F.interpolate(w, size=N, mode="nearest")),
    "nearest-exact": ((1, 1, 1), lambda w: F.interpolate(w, size=N, mode="nearest-exact")),
    "upsample": ((1, 1, 1, 1), lambda w: torch.nn.Upsample(size=(60, 50))(w)),
    "replicate": ((1, 1, 1), lambda w: F.pad(w, (N - 1, 0), mode="replicate")),
    "embedding_bag": ((9, 1), lambda w: F.embedding_bag(PAIRS, w, mode="sum")),
    "adaptive_max_pool1d": ((1, 1, 1), lambda w: F.adaptive_max_pool1d(w, N)),
    "as_strided": ((9,), lambda w: w.as_strided((N,), (0,))),
    "expand": ((1,), lambda w: w.expand(N)),
}


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", READS)
def test_gradients(name: str, dtype: Any) -> None:
    shape, read = READS[name]
    w = torch.ones(shape, dtype=dtype, requires_grad=True)
    y = read(w)
    (y * tenth(dtype, *y.shape)).sum().backward()
    near(w.grad.flatten()[0], 300, dtype)  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(("mode", "expected"), [("sum", 300), ("mean", 0.1)])
def test_bags(mode: str, expected: float, dtype: Any) -> None:
    w = tenth(dtype, 1, 1)
    near(F.embedding_bag(Z[None], w, mode=mode)[0, 0], expected, dtype)
    near(F.embedding_bag(Z, w, torch.tensor([0]), mode=mode)[0, 0], expected, dtype)
    if mode == "sum":
        ones = torch.ones(1, N, dtype=dtype)
        made = F.embedding_bag(Z[None], w, mode=mode, per_sample_weights=ones)
        near(made[0, 0], expected, dtype)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_windows(dtype: Any) -> None:
    columns = tenth(dtype, 1, 900, 31 * 31)
    near(F.fold(columns, (60, 60), (30, 30))[0, 0, 30, 30], 90, dtype)
    for read in (
        lambda x: x.unfold(0, 1500, 1),
        lambda x: F.unfold(x[None, None, None], (1, 1500)),
    ):
        x = torch.ones(N, dtype=dtype, requires_grad=True)
        y = read(x)
        (y * tenth(dtype, *y.shape)).sum().backward()
        near(x.grad[1500], 150, dtype)  # type: ignore[index]
