"""Control flow as functions of functions; numbers of PyTorch 2.14.1, and of loops."""

import pytest

import flambeau as torch
from flambeau._higher_order_ops import associative_scan, map, scan, while_loop

X = torch.arange(1.0, 7.0).reshape(2, 3)


def test_scans_of_products_and_sums():
    def combine(x, y):
        return x[0] * y[0], y[0] * x[1] + y[1]

    first, second = associative_scan(combine, (X, X), dim=1, combine_mode="generic")
    assert first.tolist() == [[1, 2, 6], [4, 20, 120]]
    assert second.tolist() == [[1, 4, 15], [4, 25, 156]]


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_a_loop(n, reverse):
    """Products of matrices are associative, but do not commute."""
    x = torch.randn(2, n, 3, 3, dtype=torch.float64, requires_grad=True)
    found = associative_scan(torch.matmul, x, dim=1, reverse=reverse)
    slices = x.unbind(1)[::-1] if reverse else x.unbind(1)
    running = [slices[0]]
    for matrix in slices[1:]:
        running.append(running[-1] @ matrix)
    expected = torch.stack(running[::-1] if reverse else running, 1)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(found)
    grads = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*grads)


def test_what_cannot_be_scanned():
    with pytest.raises(ValueError, match="Combine_mode"):
        associative_scan(torch.add, X, 0, combine_mode="fast")
    with pytest.raises(ValueError, match="same length"):
        associative_scan(lambda x, y: x, (X, X[:1]), 0)
    for function in (lambda: scan(lambda s, x: (s, x), X, X[:0]), lambda: map(torch.exp, X[:0])):
        with pytest.raises(RuntimeError, match="at least one slice"):
            function()


def test_branches():
    def more(x):
        return x + 1

    def less(x):
        return x - 1

    assert torch.cond(torch.tensor(True), more, less, (X,)).tolist() == (X + 1).tolist()
    assert torch.cond(X.sum() > 100, more, less, (X,)).tolist() == (X - 1).tolist()
    assert torch.cond(False, lambda: 1, lambda: 2) == 2
    with pytest.raises(RuntimeError, match="single-element"):
        torch.cond(X, more, less, (X,))
    with pytest.raises(RuntimeError, match="tuple"):
        torch.cond(True, more, less, X)


def test_loops():
    i, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (torch.tensor(0), X))
    assert i.item() == 3
    assert y.tolist() == (8 * X).tolist()
    with pytest.raises(RuntimeError, match="same number"):
        torch.while_loop(lambda x: True, lambda x: (x, x), (X,))
    state, products = scan(lambda s, x: (s + x, s * x), torch.zeros(3), X, dim=0)
    assert state.tolist() == [5, 7, 9]
    assert products.tolist() == [[0, 0, 0], [4, 10, 18]]
    assert map(lambda row, y: row + y, X, torch.ones(3)).tolist() == (X + 1).tolist()
