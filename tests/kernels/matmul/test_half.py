"""Products of half types: against NumPy's of the same numbers in float64, rounded once."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
HALVES = [torch.bfloat16, torch.float16]
SIZES = [1, 2, 3, 15, 16, 17, 31, 32, 33, 48, 64, 65, 97, 140, 300]


def made(rng, shape, dtype, kind):
    """Numbers of a half type that lie in order, transposed, with gaps, or backwards."""
    if kind == 1:
        return made(rng, (*shape[:-2], shape[-1], shape[-2]), dtype, 0).mT
    if kind == 2:
        return made(rng, (*shape[:-1], 2 * shape[-1] + 3), dtype, 0)[..., 3::2]
    if kind == 3:
        return made(rng, (*shape[:-2], shape[-2] + 2, shape[-1] + 5), dtype, 0)[..., 1:-1, 2:-3]
    return torch.tensor(rng.standard_normal(shape).astype(np.float32)).to(dtype)


def assert_rounded_once(result, x, y, start=None):
    """Within half a unit of the result's last place, and what float32 sums may lose."""
    x, y = x.double().numpy(), y.double().numpy()
    exact, size = np.matmul(x, y), np.matmul(np.abs(x), np.abs(y))
    if start is not None:
        exact, size = exact + start.double().numpy(), size + np.abs(start.double().numpy())
    unit = torch.finfo(result.dtype).eps / 2
    bound = unit * 1.01 * np.abs(exact) + 1e-6 * size + 6e-8
    assert (np.abs(result.double().numpy() - exact) <= bound).all()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("seed", np.random.SeedSequence(161).generate_state(40))
def test_any_shape_and_layout(dtype, seed):
    rng = np.random.default_rng(seed)
    m, k, n = (int(v) for v in rng.choice(SIZES, 3))
    lead = tuple(int(v) for v in rng.integers(1, 4, rng.integers(0, 3)))
    x = made(rng, (*lead, m, k), dtype, rng.integers(4))
    y = made(rng, (*lead[rng.integers(0, 2) :], k, n), dtype, rng.integers(4))
    assert_rounded_once(torch.matmul(x, y), x, y)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("sizes", [(1, 33, 40), (17, 64, 33), (70, 100, 31), (300, 40, 257)])
def test_a_start_is_added_before_rounding(dtype, sizes):
    rng = np.random.default_rng(5)
    m, k, n = sizes
    x, w = made(rng, (m, k), dtype, 0), made(rng, (n, k), dtype, 0)
    bias, start = made(rng, (n,), dtype, 0), made(rng, (m, n), dtype, 1)
    result = torch.nn.functional.linear(x, w, bias)
    assert_rounded_once(result, x, w.T, bias)
    assert_rounded_once(torch.addmm(start, x, w.T), x, w.T, start)
    assert_rounded_once(torch.addmm(bias, x, w.T), x, w.T, bias)
    stack = torch.stack([x, x + 1])
    added = torch.stack([start, start * 2])
    factor = w.T.expand(2, k, n)
    assert_rounded_once(torch.baddbmm(added, stack, factor), stack, factor, added)


@pytest.mark.parametrize("dtype", HALVES)
def test_what_is_not_finite_arrives(dtype):
    """Infinities keep their sign, products of 0 and infinity are nan, and other rows are not touched."""
    x, y = torch.ones(40, 70, dtype=dtype), torch.ones(70, 50, dtype=dtype)
    x[3, 5], x[4, 6], x[5, 69] = torch.inf, -torch.inf, torch.nan
    y[5, 7] = 0
    result = (x @ y).float()
    with np.errstate(invalid="ignore"):
        plain = np.matmul(x.float().numpy(), y.float().numpy())
    assert np.array_equal(result.numpy(), plain, equal_nan=True)
    large = torch.full((20, 32), 6e4, dtype=dtype)
    assert torch.equal(large @ large.T, torch.full((20, 20), 32 * 6e4**2).to(dtype)) or (
        dtype is torch.bfloat16
    )


def test_float16_is_multiplied_whole():
    """All eleven digits count, in both operands."""
    x = torch.full((32, 64), 1 + 2**-10, dtype=torch.float16)
    signs = torch.ones(64, dtype=torch.float16)
    signs[::2] = -1
    exact = (1 + 2**-10) ** 2 - (1 - 2**-10) ** 2
    y = torch.where(signs > 0, x, -(2 - x)).T[:, :32]
    left = torch.where(signs > 0, x, 2 - x)
    result = left @ y.contiguous()
    assert torch.equal(result, torch.full((32, 32), 32 * exact, dtype=torch.float16))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("sizes", [(300, 200, 400), (1, 700, 900), (65, 1100, 513)])
def test_bits_do_not_depend_on_threads(dtype, sizes):
    rng = np.random.default_rng(7)
    m, k, n = sizes
    x, w = made(rng, (m, k), dtype, 0), made(rng, (n, k), dtype, 0)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            results.append(torch.nn.functional.linear(x, w))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results)


@pytest.mark.parametrize("dtype", HALVES)
def test_empty_products(dtype):
    assert torch.equal(
        torch.ones(3, 0, dtype=dtype) @ torch.ones(0, 4, dtype=dtype),
        torch.zeros(3, 4, dtype=dtype),
    )
    assert (torch.ones(0, 3, dtype=dtype) @ torch.ones(3, 4, dtype=dtype)).shape == (0, 4)


@pytest.mark.parametrize("dtype", HALVES)
def test_gradients_are_products_of_the_same_kind(dtype):
    rng = np.random.default_rng(9)
    x = made(rng, (37, 70), dtype, 0).requires_grad_()
    w = made(rng, (45, 70), dtype, 0).requires_grad_()
    g = made(rng, (37, 45), dtype, 0)
    torch.nn.functional.linear(x, w).backward(g)
    assert_rounded_once(x.grad, g, w.detach())
    assert_rounded_once(w.grad, g.T, x.detach())
