"""Indexing where small recorded calls do not reach: keys that change later, repeats, fast paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch


def test_backward_uses_the_key_of_the_call() -> None:
    x, index = torch.zeros(4, requires_grad=True), torch.tensor([0, 1])
    y = x[index]
    z = x.index_put((index,), torch.ones(2))
    index.fill_(3)
    (y.sum() + z.sum()).backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("shape", [(50,), (7, 8), (5, 6, 3)])
def test_repeated_indices_add_up(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, shape[0], 40)
    values = rng.normal(size=(40, *shape[1:]))
    want = np.zeros(shape)
    for k, row in zip(index, values, strict=True):
        want[k] += row
    zero = torch.zeros(shape, dtype=torch.float64)
    key, given = torch.from_numpy(index), torch.from_numpy(values)
    for got in (
        zero.index_put((key,), given, accumulate=True),
        zero.index_add(0, key, given),
        zero.clone().index_put_((key,), given, accumulate=True),
        zero.scatter_add(0, key.reshape(-1, *[1] * (len(shape) - 1)).expand(values.shape), given),
    ):
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    x[key].backward(given)
    np.testing.assert_allclose(x.grad.numpy(), want, rtol=1e-12)


def test_index_tensors_of_bytes_warn() -> None:
    x = torch.arange(3)
    with pytest.warns(UserWarning, match="torch.uint8 is now deprecated"):
        assert x[torch.tensor([1, 0, 1], dtype=torch.uint8)].tolist() == [0, 2]


def test_writes_count_versions_up_on_every_path() -> None:
    x = torch.zeros(2, 3)
    x[0] = 1.0
    x[0, 1] = 2
    x[torch.tensor([1])] = torch.ones(1, 3)
    x[x > 1] = 0.5
    x[None, 0] = 3
    assert x._version == 5
    assert x.tolist() == [[3.0, 3.0, 3.0], [1.0, 1.0, 1.0]]


def test_a_failed_write_changes_nothing() -> None:
    x = torch.zeros(2, 3)
    for key, value in ((5, 1.0), (0, torch.ones(2)), (torch.tensor([7]), 1.0), (0, 1e300)):
        with pytest.raises((IndexError, RuntimeError)):
            x[key] = value
    assert x.tolist() == [[0.0] * 3] * 2


def test_overlapping_rows_are_copied_as_if_read_first() -> None:
    x = torch.arange(4)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2]


def test_expanded_memory_is_not_written() -> None:
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.zeros(1).expand(3)[0:2] = torch.ones(2)


def test_results_are_row_major_as_view_needs_them() -> None:
    x = torch.arange(12).reshape(3, 4).t()
    assert x[:, torch.tensor([0, 2])].view(-1).tolist() == [0, 8, 1, 9, 2, 10, 3, 11]


def test_elements_of_a_tensor_cannot_be_deleted() -> None:
    with pytest.raises(TypeError, match="deleting"):
        del torch.zeros(2)[0]


def test_a_step_backwards_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"greater than zero: use flip\(\)"):
        torch.zeros(3)[::-1]


def test_lists_beside_slices_pick_again_and_again() -> None:
    x = torch.arange(12).reshape(3, 4)
    for _ in range(5):  # cases are learned of the third call
        assert x[:, [1, -1]].tolist() == [[1, 3], [5, 7], [9, 11]]
        assert x[:, [0, 2]].tolist() == [[0, 2], [4, 6], [8, 10]]
        assert x[[2, 0], 1:3].tolist() == [[9, 10], [1, 2]]
        assert x[..., [True, False, False, True]].tolist() == [[0, 3], [4, 7], [8, 11]]
        assert x[None, [0]].tolist() == [[[0, 1, 2, 3]]]
        with pytest.raises(IndexError):
            x[:, [4]]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite_are_written(value: float) -> None:
    x, mask = torch.zeros(3), torch.tensor([True, False, True])
    wanted = [str(value), "0.0", str(value)]
    assert list(map(str, x.masked_fill(mask, value).tolist())) == wanted
    for write in (lambda y: y.masked_fill_(mask, value), lambda y: y.__setitem__(mask, value)):
        y = x.clone()
        write(y)
        assert list(map(str, y.tolist())) == wanted
    with pytest.raises(RuntimeError, match="cannot be converted"):
        torch.zeros(3, dtype=torch.int64).masked_fill(mask, value)


def test_bools_are_written_to_bools() -> None:
    x, y = torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3)
    x[..., 0] = False
    y[..., 0] = True
    assert x.tolist() == [[False, True, True]] * 2
    assert y.tolist() == [[1.0, 0.0, 0.0]] * 2
