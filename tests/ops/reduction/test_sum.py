"""Reductions: dimensions, empty and 0-d tensors, errors, and results recorded from PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch

NAN = math.nan
X = torch.tensor([[1.0, 5.0, 3.0], [4.0, 2.0, 9.0]])


def test_values_recorded_from_pytorch() -> None:
    assert [t.item() for t in torch.aminmax(X)] == [1, 9]
    assert repr(torch.aminmax(X)).startswith("torch.return_types.aminmax(\nmin=tensor(1.)")
    low, high = torch.aminmax(X, dim=1)
    assert (low.tolist(), high.tolist()) == ([1, 2], [5, 9])
    assert torch.nanmean(torch.tensor([1.0, NAN, 3.0])).item() == 2
    assert torch.nansum(torch.tensor([1.0, NAN, 3.0])).item() == 4
    assert torch.norm(X, 1).item() == 24
    assert torch.norm(X, math.inf).item() == 9
    assert torch.count_nonzero(X, (0, 1)).item() == 6
    assert torch.var(X, unbiased=False).item() == pytest.approx(6.6666665)
    assert torch.std(torch.tensor([1 + 1j, 2])).item() == pytest.approx(1)
    assert [t.item() for t in torch.var_mean(X)] == [8, 4]
    assert torch.logsumexp(torch.tensor([1, 2]), 0).item() == pytest.approx(2.3132617)
    assert torch.prod(torch.tensor([True, True])).dtype is torch.int64


def test_complex_logsumexp_recorded_from_pytorch() -> None:
    got = torch.logsumexp(torch.tensor([1 + 2j, -1 - 1j, 0.5 + 3j]), 0).item()
    assert got == pytest.approx(1.2553 + 2.3904j, abs=1e-4)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "any", "all", "nansum", "argmax"])
@pytest.mark.parametrize("dim", [0, -1])
def test_a_number_has_a_dimension_to_reduce(name: str, dim: int) -> None:
    x = torch.tensor(3.0)
    for _ in range(2):  # the second call takes the fast path
        assert tuple(getattr(torch, name)(x, dim=dim).shape) == ()
    with pytest.raises(IndexError, match="Dimension out of range"):
        getattr(torch, name)(x, dim=1)


def test_nothing_to_reduce() -> None:
    empty = torch.zeros(0, 3)
    assert torch.sum(empty, 0).tolist() == [0, 0, 0]
    assert torch.prod(empty, 0).tolist() == [1, 1, 1]
    assert torch.logsumexp(empty, 0).tolist() == [-math.inf] * 3
    assert math.isnan(torch.mean(empty).item())
    assert (torch.any(empty).item(), torch.all(empty).item()) == (False, True)
    assert tuple(torch.amax(empty, 1).shape) == (0,)
    for call, error in (
        (lambda: torch.amax(empty, 0), IndexError),
        (lambda: torch.max(empty), RuntimeError),
        (lambda: torch.argmax(empty), IndexError),
        (lambda: torch.aminmax(empty), RuntimeError),
        (lambda: torch.linalg.vector_norm(empty, math.inf), RuntimeError),
    ):
        with pytest.raises(error):
            call()


def test_an_empty_list_of_dimensions() -> None:
    assert torch.sum(X, ()).item() == 24
    assert torch.amax(X, ()).item() == 9
    assert torch.count_nonzero(X, ()).item() == 6
    assert torch.all(X, ()).tolist() == [[True] * 3] * 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: torch.sum(X, (0, 0)), RuntimeError, "appears multiple times"),
        (lambda: torch.prod(X, (0, 1)), TypeError, "must be int, not tuple"),
        (lambda: torch.argmax(X, (0,)), TypeError, "must be int, not tuple"),
        (lambda: torch.softmax(X, (0,)), TypeError, "must be int, not tuple"),
        (lambda: torch.mean(torch.tensor([1])), RuntimeError, "could not infer output dtype"),
        (lambda: torch.nanmean(torch.tensor([1])), RuntimeError, "floating point or complex"),
        (lambda: torch.var(torch.tensor([1])), RuntimeError, "only support floating point"),
        (lambda: torch.amax(torch.tensor([1j])), NotImplementedError, "ComplexFloat"),
        (lambda: torch.argmax(torch.tensor([True])), RuntimeError, "does not support bool"),
        (lambda: torch.nansum(torch.tensor([1j])), RuntimeError, "does not support complex"),
        (lambda: torch.softmax(torch.tensor([1]), 0), NotImplementedError, "Long"),
        (lambda: torch.linalg.vector_norm(X, "fro"), TypeError, "must be Number"),
        (lambda: torch.norm(torch.tensor([1])), RuntimeError, "floating point or complex"),
    ],
)
def test_errors(call, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert type(caught.value) is error


def test_too_few_degrees_of_freedom_warn() -> None:
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert math.isnan(torch.var(torch.ones(1)).item())
    with pytest.warns(UserWarning, match="degrees of freedom"):
        torch.std(X, 0, correction=3)


def test_the_largest_gets_the_gradient() -> None:
    """Recorded from PyTorch: ties share in max() and amax(), one takes all in max(dim)."""
    x = torch.tensor([3.0, 3.0, 1.0], requires_grad=True)
    for value, want, node in (
        (torch.max(x), [0.5, 0.5, 0], "MaxBackward1"),
        (torch.amax(x, 0), [0.5, 0.5, 0], "AmaxBackward0"),
        (torch.max(x, 0)[0], [1, 0, 0], None),
        (torch.aminmax(x)[1], [0.5, 0.5, 0], "AminmaxBackward0"),
    ):
        assert torch.autograd.grad(value, x)[0].tolist() == want
        assert node is None or value.grad_fn.name() == node


def test_out() -> None:
    out = torch.empty(0)
    assert torch.sum(X, 0, out=out) is out
    assert out.tolist() == [5, 7, 12]
    values, indices = torch.empty(2), torch.empty(2, dtype=torch.int64)
    torch.max(X, 1, out=(values, indices))
    assert (values.tolist(), indices.tolist()) == ([5, 9], [1, 2])
    assert torch.max(X, out=torch.empty(())).item() == 9


def test_several_results_a_row_keep_their_gradients_apart() -> None:
    x = X.double().requires_grad_()
    var, mean = torch.var_mean(x, 1)
    (only_mean,) = torch.autograd.grad(mean.sum(), x, retain_graph=True)
    np.testing.assert_allclose(only_mean.numpy(), np.full((2, 3), 1 / 3))
    (only_var,) = torch.autograd.grad(var.sum(), x)
    centred = X.numpy() - X.numpy().mean(1, keepdims=True)
    np.testing.assert_allclose(only_var.numpy(), centred)


@pytest.mark.parametrize("shape", [(8,), (1, 8)])
def test_the_gradient_of_what_was_broadcast_is_summed_accurately(shape: tuple[int, ...]) -> None:
    """As a bias of 1e5 rows gets it; NumPy's plain sum is wrong in the fifth digit."""
    g = np.random.default_rng(0).random((100_000, 8), dtype=np.float32)
    bias = torch.zeros(shape, requires_grad=True)
    (torch.zeros(100_000, 8) + bias).backward(torch.from_numpy(g))
    np.testing.assert_allclose(bias.grad.numpy().ravel(), g.astype(np.float64).sum(0), rtol=4e-7)


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 3, math.inf, -1, -math.inf, -0.5])
def test_norms_have_a_gradient_of_zero_at_zeros(order: float) -> None:
    """Recorded from PyTorch."""
    for point, want in (([0.0, 0.0], [0, 0]), ([0.0, 2.0], [0, 1 if order > 0 else 0])):
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        (grad,) = torch.autograd.grad(torch.linalg.vector_norm(x, order), x)
        np.testing.assert_allclose(grad.numpy(), want, atol=1e-15)


@pytest.mark.parametrize(
    "dim", [(1,), (-1,), (2, 1), (1, 2), (-1, -3), (0, 1, 2), (-3, -2, -1), (0, 2), (0,)], ids=str
)
@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 1, 3), (40, 30, 50)], ids=str)
def test_rows_along_any_dimensions(shape: tuple[int, ...], dim: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x, wide = torch.from_numpy(array), array.astype(np.float64)
    for keep in (False, True):
        for found, wanted in (
            (x.sum(dim, keepdim=keep), wide.sum(dim, keepdims=keep)),
            (x.amax(dim, keepdim=keep), wide.max(dim, keepdims=keep)),
            (x.var(dim, keepdim=keep, correction=0), wide.var(dim, keepdims=keep)),
        ):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found.numpy(), wanted, rtol=3e-6, atol=3e-5)


@pytest.mark.parametrize("place", [0, 1, 15, 16, 63, 64, 65, 4095, 4096, 4999])
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_a_nan_anywhere_is_the_extreme(name: str, place: int) -> None:
    array = np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    array[1, place] = np.nan
    found = getattr(torch.from_numpy(array), name)(1)
    wanted = array.max(1) if name == "amax" else array.min(1)
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert getattr(torch.from_numpy(array), name)().isnan()


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1.1])
@pytest.mark.parametrize(
    ("shape", "dims"),
    [((1_000_000,), None), ((2, 500_000), 1), ((250_000, 4), 0), ((9, 100_000, 1), 1)],
)
def test_long_sums_of_float32(value, shape, dims):
    """Equal numbers are the worst case: every addition is rounded the same way."""
    x = torch.full(shape, value)
    stored = float(np.float32(value))
    count = x.numel() if dims is None else shape[dims]
    for got, wanted in (
        (x.sum(dims), count * stored), (x.mean(dims), stored), (x.nansum(dims), count * stored),
        (torch.linalg.vector_norm(x, 2, dims), count**0.5 * stored),
    ):  # fmt: skip
        np.testing.assert_allclose(got.flatten().tolist(), wanted, rtol=9e-7)
