"""scatter_reduce and its kin against loops, on shapes and dtypes that small recorded calls do not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau as torch

COMBINE: dict[str, Any] = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
}


def looped(x: np.ndarray, index: np.ndarray, src: np.ndarray, how: str, include: bool) -> Any:
    """What scatter_reduce along dimension 1 gives, one place at a time."""
    whole = x.copy()
    for row in range(index.shape[0]):
        for place in set(index[row].tolist()):
            values = list(src[row, : index.shape[1]][index[row] == place])
            whole[row, place] = COMBINE[how](values + ([x[row, place]] if include else []))
    return whole


@pytest.mark.parametrize("how", COMBINE)
@pytest.mark.parametrize("include", [True, False])
def test_scatter_reduce_against_a_loop(how: str, include: bool) -> None:
    rng = np.random.default_rng(1)
    x, src = rng.normal(size=(4, 9)), rng.normal(size=(5, 20))
    index = rng.integers(0, 9, (3, 17))
    got = torch.from_numpy(x).scatter_reduce(
        1, torch.from_numpy(index), torch.from_numpy(src), how, include_self=include
    )
    np.testing.assert_allclose(got.numpy(), looped(x, index, src, how, include), rtol=1e-12)


@pytest.mark.parametrize("how", COMBINE)
def test_gradients_against_differences(how: str) -> None:
    rng = np.random.default_rng(2)
    x, src = rng.normal(size=(2, 3)), rng.normal(size=(2, 5))
    index = torch.tensor([[0, 0, 2, 1, 0], [1, 1, 1, 1, 2]])
    weight = torch.from_numpy(rng.normal(size=(2, 3)))

    def value(x: np.ndarray, src: np.ndarray) -> float:
        made = torch.from_numpy(x).scatter_reduce(1, index, torch.from_numpy(src), how)
        return float((made * weight).sum())

    a, b = torch.from_numpy(x).requires_grad_(), torch.from_numpy(src).requires_grad_()
    (a.scatter_reduce(1, index, b, how) * weight).sum().backward()
    for leaf, array in ((a, x), (b, src)):
        for at in np.ndindex(array.shape):
            old, values = array[at], []
            for step in (1e-6, -1e-6):
                array[at] = old + step
                values.append(value(x.copy(), src.copy()))
            array[at] = old
            slope = (values[0] - values[1]) / 2e-6
            np.testing.assert_allclose(leaf.grad[at].item(), slope, rtol=1e-5, atol=1e-7)


def test_products_with_zeros_have_gradients() -> None:
    """Recorded from PyTorch."""
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    src = torch.tensor([0.0, 5.0, 0.0, 0.0], requires_grad=True)
    x.scatter_reduce(0, torch.tensor([0, 0, 1, 1]), src, "prod").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert src.grad.tolist() == [10.0, 0.0, 0.0, 0.0]


def test_an_index_out_of_range_is_named() -> None:
    x = torch.zeros(3)
    for bad in (3, -1):
        with pytest.raises(RuntimeError, match=f"index {bad} is out of bounds for dimension 0"):
            x.gather(0, torch.tensor([0, bad]))
        with pytest.raises(RuntimeError, match=f"index {bad} is out of bounds for dimension 0"):
            x.scatter_add(0, torch.tensor([0, bad]), torch.ones(2))


def test_in_place_forms_record_and_keep_the_values_before() -> None:
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = w * 1
    x.scatter_reduce_(0, torch.tensor([0, 0]), torch.tensor([4.0, 5.0]), "prod")
    assert x.tolist() == [20.0, 2.0, 3.0]
    x.sum().backward()
    assert w.grad.tolist() == [20.0, 1.0, 1.0]


def test_a_filled_place_counts_once() -> None:
    value = torch.tensor(2.0, requires_grad=True)
    torch.zeros(3).index_fill(0, torch.tensor([1, 1, -2]), value).sum().backward()
    assert value.grad.item() == 1.0


def test_what_has_no_mean_or_order_is_refused() -> None:
    b, i = torch.tensor([True, False]), torch.tensor([0, 0])
    z = torch.zeros(2, dtype=torch.complex64)
    for call in (
        lambda: b.scatter_reduce(0, i, b, "mean"),
        lambda: b.scatter_reduce_(0, i, b, "mean", include_self=False),
        lambda: z.scatter_reduce(0, i, z, "amax"),
        lambda: z.scatter_reduce(0, i, z, "amin"),
    ):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            call()
    with pytest.warns(UserWarning, match="beta"), pytest.raises(NotImplementedError):
        b.index_reduce(0, i, b, "mean")
    assert b.scatter_reduce(0, i, b, "prod").tolist() == [False, False]


def test_slice_scatter_writes_into_out() -> None:
    out = torch.empty(0)
    assert torch.slice_scatter(torch.zeros(3), torch.ones(1), 0, 1, 2, out=out) is out
    assert out.tolist() == [0, 1, 0]


def test_out_whose_elements_overlap_is_refused() -> None:
    x, i = torch.zeros(3, 6), torch.tensor([0, 1])
    with pytest.raises(RuntimeError, match="unsupported operation"):
        torch.index_select(x, 1, i, out=torch.zeros(6).expand(2, 6))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_coordinates_are_int64(dtype: Any) -> None:
    rows, columns = torch.unravel_index(torch.tensor([5, 2], dtype=dtype), (2, 3))
    assert (rows.dtype, columns.dtype) == (torch.int64, torch.int64)
    assert (rows.tolist(), columns.tolist()) == ([1, 0], [2, 2])
    big = torch.unravel_index(torch.tensor([200], dtype=torch.uint8), (1000, 300))
    assert [n.item() for n in big] == [0, 200]


@pytest.mark.parametrize("how", ["amax", "amin", "prod"])
@pytest.mark.parametrize("shape", [(3, 5), (60, 170), (170, 60)])
def test_bools_are_reduced_as_and_and_or(how: str, shape: tuple[int, int]) -> None:
    draw = np.random.default_rng(0)
    x, values = (torch.from_numpy(draw.random(shape) > 0.5) for _ in range(2))
    index = torch.from_numpy(draw.integers(0, shape[0], shape))
    both = np.logical_or if how == "amax" else np.logical_and
    wanted = x.numpy().copy()
    both.at(wanted, (index.numpy(), np.arange(shape[1])[None]), values.numpy())
    assert (x.scatter_reduce(0, index, values, how).numpy() == wanted).all()
    assert (x.t().scatter_reduce(1, index.t(), values.t(), how).numpy() == wanted.T).all()


def test_sums_of_bools_are_or() -> None:
    x, values = torch.zeros(4, 3, dtype=torch.bool), torch.tensor([[True, False, True]] * 3)
    found = x.index_add(0, torch.tensor([1, 1, 3]), values)
    assert found.tolist() == [[False] * 3, [True, False, True], [False] * 3, [True, False, True]]
