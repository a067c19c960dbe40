"""Matrix products: values, gradients against NumPy, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((5, 1, 3, 4), (2, 4, 5)),
    ],
)
def test_matmul_and_its_gradients(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    x, y = (torch.from_numpy(v).requires_grad_() for v in (a, b))
    out = x @ y
    np.testing.assert_allclose(out.detach().numpy(), a @ b)
    weights = rng.normal(size=tuple(out.shape))
    out.backward(torch.from_numpy(weights))
    step = 1e-6
    for tensor, array, moved in ((x, a, lambda v: v @ b), (y, b, lambda v: a @ v)):
        assert tuple(tensor.grad.shape) == array.shape
        direction = rng.normal(size=array.shape)
        slope = (
            (moved(array + step * direction) - moved(array - step * direction)) * weights
        ).sum() / (2 * step)
        assert (tensor.grad.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6)


def test_products_can_be_differentiated_twice() -> None:
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    y = torch.tensor([[3.0], [4.0]], requires_grad=True)
    (gx,) = torch.autograd.grad((x @ y) ** 2, x, torch.ones(1, 1), create_graph=True)
    (gxx,) = torch.autograd.grad(gx.sum(), x)
    assert gx.tolist() == [[66.0, 88.0]]
    assert gxx.tolist() == [[42.0, 56.0]]


def test_einsum_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    for equation in ("bij,bkj->bik", "bij,bkj->", "bij,bkj->kb"):
        got = torch.einsum(equation, torch.from_numpy(a), torch.from_numpy(b))
        np.testing.assert_allclose(got.numpy(), np.einsum(equation, a, b))
    square = rng.normal(size=(3, 3))
    np.testing.assert_allclose(
        torch.einsum("ii->i", torch.from_numpy(square)).numpy(), np.diag(square)
    )


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(
        RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"
    ):
        torch.ones(2, 3) @ torch.ones(4, 5)
    with pytest.raises(RuntimeError, match="dtype"):
        torch.ones(2, 2) @ torch.ones(2, 2).double()
