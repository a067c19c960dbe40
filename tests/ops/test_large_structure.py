"""Structure on arrays large enough for machine code, against NumPy; keys that are written to after their use."""

import numpy as np
import pytest

import flambeau as torch

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 90, 33)).astype(np.float32)
FLAT = X.reshape(-1)


def assert_same(made, expected):
    assert made.is_contiguous()
    assert np.array_equal(made.numpy(), expected, equal_nan=True)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_permuted_copies(order):
    x = torch.from_numpy(X).permute(order)
    expected = X.transpose(order)
    assert_same(x.contiguous(), expected)
    assert_same(x.reshape(-1), expected.reshape(-1))
    assert_same(torch.empty(x.shape).copy_(x), expected)
    assert x.clone().stride() == x.stride()
    assert np.array_equal(x.clone().numpy(), expected)
    assert np.array_equal((x + x.contiguous()).numpy(), expected + expected)


def test_reshape_of_a_large_view_is_a_view_where_that_can_be():
    x = torch.from_numpy(X.copy()).permute(1, 0, 2)
    y = x.reshape(9, 10, 70, 33)
    assert y.data_ptr() == x.data_ptr()
    leaf = torch.zeros(80, 90, requires_grad=True)
    weights = torch.arange(7200.0)
    (leaf.t().reshape(-1) * weights).sum().backward()
    assert np.array_equal(leaf.grad.numpy(), np.arange(7200.0).reshape(90, 80).T)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_running_and_extreme(dim):
    x = torch.from_numpy(X)
    expected = np.cumsum(X, dim, dtype=np.float64).astype(np.float32)
    np.testing.assert_allclose(x.cumsum(dim).numpy(), expected, 1e-6, 1e-6)
    assert np.array_equal(x.cummax(dim).values.numpy(), np.maximum.accumulate(X, dim))
    assert_same(x.argmax(dim), X.argmax(dim))
    assert_same(x.argmin(dim, keepdim=True), X.argmin(dim, keepdims=True))
    values, index = x.max(dim)
    assert np.array_equal(values.numpy(), X.max(dim))
    assert np.array_equal(index.numpy(), X.argmax(dim))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_sorting(dim):
    x = torch.from_numpy(np.round(X, 1))
    for descending in (False, True):
        values, index = x.sort(dim, descending)
        expected = np.sort(x.numpy(), dim)
        expected = np.flip(expected, dim) if descending else expected
        assert np.array_equal(values.numpy(), expected)
        assert np.array_equal(np.take_along_axis(x.numpy(), index.numpy(), dim), expected)
        top = x.topk(5, dim, descending)
        assert np.array_equal(top.values.numpy(), np.take(expected, range(5), dim))
        assert np.array_equal(top.indices.numpy(), np.take(index.numpy(), range(5), dim))
    kth = x.kthvalue(7, dim).values.numpy()
    assert np.array_equal(kth, np.take(np.sort(x.numpy(), dim), 6, dim))


def test_unique():
    x = np.round(X, 1)
    made = torch.unique(torch.from_numpy(x), return_inverse=True, return_counts=True)
    for found, expected in zip(made, np.unique(x, return_inverse=True, return_counts=True)):
        assert np.array_equal(found.numpy(), expected)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_scatter_and_their_gradients(dim):
    index = RNG.integers(0, X.shape[dim], X.shape)
    x = torch.from_numpy(X.copy()).requires_grad_()
    made = x.gather(dim, torch.from_numpy(index))
    assert_same(made.detach(), np.take_along_axis(X, index, dim))
    made.sum().backward()
    added = torch.zeros(X.shape).scatter_add(dim, torch.from_numpy(index), torch.ones(X.shape))
    counts = np.zeros(X.shape, np.float32)
    grid = list(np.ogrid[tuple(slice(n) for n in X.shape)])
    grid[dim] = index
    np.add.at(counts, tuple(grid), np.float32(1))
    assert np.array_equal(added.numpy(), counts)
    assert np.array_equal(x.grad.numpy(), counts)


def test_rows_of_a_table():
    index = RNG.integers(0, 50, 3000)
    table = torch.from_numpy(X[0, :50].copy()).requires_grad_()
    made = torch.nn.functional.embedding(torch.from_numpy(index), table, padding_idx=3)
    assert_same(made.detach(), X[0, :50][index])
    made.sum().backward()
    expected = np.bincount(index, minlength=50).astype(np.float32)
    expected[3] = 0
    assert np.array_equal(table.grad.numpy(), np.repeat(expected[:, None], 33, 1))
    added = torch.zeros(50, 33).index_add(0, torch.from_numpy(index), torch.ones(3000, 33))
    assert np.array_equal(added.numpy()[:, 0], np.bincount(index, minlength=50))


def test_masks_flips_and_triangles():
    mask = RNG.random((90, 33)) < 0.5
    x = torch.from_numpy(X)
    assert_same(x.masked_fill(torch.from_numpy(mask), 7.0), np.where(mask, np.float32(7), X))
    for dims in ((0,), (2,), (0, 1, 2)):
        assert_same(x.flip(dims), np.flip(X, dims))
    assert_same(x.tril(-1), np.tril(X, -1))
    assert_same(x.triu(2), np.triu(X, 2))


@pytest.mark.parametrize(
    "write",
    [
        lambda x, i, v: x.scatter_add(0, i, v),
        lambda x, i, v: x.scatter(0, i, v),
        lambda x, i, v: x.scatter_reduce(0, i, v, "prod"),
        lambda x, i, v: x.index_add(0, i, v),
        lambda x, i, v: x.index_copy(0, i, v),
        lambda x, i, v: x.index_fill(0, i, 2.0),
        lambda x, i, v: x.gather(0, i),
    ],
)
def test_a_key_that_is_written_to_later_changes_no_gradient(write):
    found = []
    for changes in (False, True):
        x = torch.arange(1.0, 6.0, requires_grad=True)
        index = torch.tensor([0, 2, 2])
        y = write(x, index, torch.full((3,), 2.0))
        if changes:
            index.fill_(4)
        (y * torch.arange(float(len(y)))).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]


def test_indices_out_of_range_are_errors_and_write_nothing():
    x = torch.zeros(50, 40)
    index = torch.zeros(60, 40, dtype=torch.int64)
    index[59, 39] = 50
    with pytest.raises(
        RuntimeError, match="index 50 is out of bounds for dimension 0 with size 50"
    ):
        x.scatter_add_(0, index, torch.ones(60, 40))
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.gather(0, index)
    with pytest.raises(IndexError, match="out of range"):
        torch.nn.functional.embedding(index, x)
    assert not x.any()
