"""How reductions lie in memory: in order, as PyTorch's, however their operands lie and of whatever size they are."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize("shape", [(2, 3, 4, 8), (8, 33, 40, 64)])
def test_reductions_lie_in_order(shape: tuple[int, ...]) -> None:
    x = torch.ones(shape).permute(0, 3, 1, 2)
    _, n, m, k = x.shape
    assert x.sum(0).stride() == (m * k, k, 1)
    assert x.sum(-1, keepdim=True).stride() == (n * m, m, 1, 1)
    assert x.softmax(-1).stride() == (n * m * k, m * k, k, 1)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16", "int64", "uint8"])
def test_many_rows_of_few_elements(length, name):
    rows = 9000 // length + 3
    x = (torch.arange(rows * length) * 7919 % 101).to(getattr(torch, name)).reshape(rows, length)
    y = x.double().numpy()
    torch.testing.assert_close(x.amax(1).double(), torch.from_numpy(y.max(1)))
    torch.testing.assert_close(
        x.amax(-1, keepdim=True).double(), torch.from_numpy(y.max(1)[:, None])
    )
    if name != "uint8" and name != "bfloat16":
        torch.testing.assert_close(x.sum(1).double(), torch.from_numpy(y.sum(1)))
    assert x.argmax(1).tolist() == y.argmax(1).tolist()
    three = x[: rows // 3 * 3].reshape(3, rows // 3, length)
    assert three.amax((1, 2)).shape == (3,)
    assert three.amin(2).shape == (3, rows // 3)


@pytest.mark.parametrize("kind", ["transposed", "row", "column", "steps"])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_strided_operands_without_a_call_in_order_before(kind, dim):
    base = torch.arange(60.0 * 170).reshape(60, 170) % 37
    x = {
        "transposed": base.t(),
        "row": base[0].expand(60, 170),
        "column": base[:, :1].expand(60, 170),
        "steps": base[:, ::2],
    }[kind]
    y = x.numpy()
    for ours, theirs in ((torch.nansum, np.sum), (torch.amin, np.min), (torch.prod, np.prod)):
        given = ours(
            x * 0.0 + 1.0 if ours is torch.prod else x, **({} if dim is None else {"dim": dim})
        )
        want = theirs(np.ones(y.shape, np.float32) if ours is torch.prod else y, axis=dim)
        np.testing.assert_allclose(given.numpy(), want, rtol=1e-6)
