"""Stacks of matrix products against float64 ones of NumPy: shapes, strides, offsets, guard
zones, threads."""

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SEED = np.random.SeedSequence(20261)


def stack(rng, lead, rows, columns, dtype):
    """A stack that may lie transposed, reversed, with gaps, off the start of its memory, or
    broadcast."""
    kind = rng.integers(6)
    shape = (*lead, columns, rows) if kind == 1 else (*lead, rows, columns)
    if kind == 2:
        shape = (*shape[:-1], shape[-1] * 2 + 3)
    if kind == 3:
        shape = (*shape[:-2], shape[-2] * 2 + 1, shape[-1])
    x = rng.standard_normal(shape).astype(dtype)
    if kind == 1:
        return x.swapaxes(-1, -2)
    if kind == 2:
        return x[..., 3::2]
    if kind == 3:
        return x[..., 1::2, :]
    if kind == 4:
        return x[..., ::-1, ::-1]
    return x[:1].repeat(1, 0) if kind == 5 and lead else x


def guarded(shape, dtype):
    """An array of nan within a zone of sevens."""
    size = int(np.prod(shape))
    zone = np.full(size + 128, 7, dtype)
    inside = zone[64 : 64 + size].reshape(shape)
    inside.fill(np.nan)
    return zone, inside


def assert_near(result, x, y, dtype):
    wide = np.matmul(x.astype(np.float64), y.astype(np.float64))
    bound = np.matmul(np.abs(x).astype(np.float64), np.abs(y).astype(np.float64))
    unit = np.finfo(dtype).eps
    assert (np.abs(result - wide) <= (8 * unit) * bound + unit).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEED.generate_state(40))
def test_any_shape_and_layout(dtype, seed):
    from flambeau.kernels.matmul.matmul import multiplied

    rng = np.random.default_rng(seed)
    m, n, k = (int(v) for v in rng.choice([1, 2, 3, 7, 8, 13, 16, 31, 33, 48, 97, 140, 300], 3))
    lead = tuple(int(v) for v in rng.integers(1, 4, rng.integers(0, 3)))
    x, y = stack(rng, lead, m, k, dtype), stack(rng, lead, k, n, dtype)
    x, y = np.broadcast_to(x, (*lead, m, k)), np.broadcast_to(y, (*lead, k, n))
    zone, result = guarded((*lead, m, n), dtype)
    before = x.copy(), y.copy()
    multiplied(x, y, result)
    assert_near(result, x, y, dtype)
    assert (zone[:64] == 7).all()
    assert (zone[64 + result.size :] == 7).all()
    assert (x == before[0]).all()
    assert (y == before[1]).all()


def test_operands_end_where_their_memory_ends():
    """nan behind an operand must not be read into the result."""
    from flambeau.kernels.matmul.matmul import multiplied

    for m, n, k in ((5, 33, 7), (8, 31, 16), (3, 65, 5)):
        xs, ys = np.full(m * k * 2 + 64, np.nan, "f4"), np.full(n * k * 2 + 64, np.nan, "f4")
        x, y = xs[: m * k * 2].reshape(2, m, k), ys[: n * k * 2].reshape(2, k, n)
        x[:], y[:] = 1, 2
        assert (multiplied(x, y, np.empty((2, m, n), "f4")) == 2 * k).all()


def test_nan_and_infinity_stay_in_their_row():
    from flambeau.kernels.matmul.matmul import multiplied

    x, y = np.ones((2, 9, 20), "f4"), np.ones((2, 20, 40), "f4")
    x[0, 3, 4], x[1, 8, 0] = np.nan, np.inf
    result = multiplied(x, y, np.empty((2, 9, 40), "f4"))
    assert np.isnan(result[0, 3]).all()
    assert np.isposinf(result[1, 8]).all()
    assert (np.delete(result[0], 3, 0) == 20).all()
    assert (result[1, :8] == 20).all()


def test_the_same_bits_on_any_number_of_threads():
    from flambeau.kernels.matmul.matmul import product

    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((24, 150, 70), "f4"), rng.standard_normal((24, 70, 90), "f4")
    threads = kernels.get_num_threads()
    try:
        results = []
        for number in (1, 2, 5):
            kernels.set_num_threads(number)
            results.append(product(x, y))
    finally:
        kernels.set_num_threads(threads)
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


def test_what_is_left_to_numpy():
    from flambeau.kernels.matmul.matmul import product

    small = np.ones((2, 4, 4), "f4")
    for x, y in (
        (small, small), (np.ones((9, 50, 50), "i4"), np.ones((9, 50, 50), "i4")),
        (np.ones((30, 50), "f4"), np.ones((50, 40), "f4")),
        (np.ones((2, 300, 64), "f4"), np.ones((2, 64, 1), "f4")),
        (np.ones((9, 50, 0), "f4"), np.ones((9, 0, 50), "f4")),
        (np.ones((9, 50, 50), ">f4"), np.ones((9, 50, 50), ">f4")),
        (np.ones((9, 50, 50), "f4"), np.ones((9, 50, 50), "f8")),
    ):  # fmt: skip
        assert product(x, y) is NotImplemented
    assert product(np.ones((9, 50, 50)), np.ones((50, 50))).shape == (9, 50, 50)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(130, 257, 40), (64, 100, 700), (33, 1000, 90), (1, 900, 700)])
@pytest.mark.parametrize("turned", [False, True])
def test_one_product_and_its_bias(shape, dtype, turned):
    from flambeau.kernels.matmul.matmul import product

    m, k, n = shape
    rng = np.random.default_rng(k)
    x, bias = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal(n).astype(dtype)
    y = rng.standard_normal((n, k) if turned else (k, n)).astype(dtype)
    y = y.T if turned else y
    assert_near(product(x, y), x, y, dtype)
    wide = np.concatenate([x, np.ones((m, 1), dtype)], 1), np.concatenate([y, bias[None]])
    assert_near(product(x, y, bias), *wide, dtype)
    assert product(x, y, bias.astype("i4")) is NotImplemented


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEED.generate_state(60)[40:])
def test_biases_and_sums_of_any_layout(dtype, seed):
    """With a bias (which may have gaps), added to what is there, or both; blocks of rows share panels."""
    from flambeau.kernels.matmul.matmul import multiplied

    rng = np.random.default_rng(seed)
    m, n, k = (int(v) for v in rng.choice([1, 5, 16, 47, 64, 257, 300, 520], 3))
    lead = tuple(int(v) for v in rng.integers(1, 3, rng.integers(0, 2)))
    x, y = stack(rng, lead, m, k, dtype), stack(rng, lead, k, n, dtype)
    room = np.full(3 * n + 2, np.nan, dtype)
    bias = room[1 : 3 * n : 3] if rng.random() < 0.5 else room[1 : n + 1]
    bias[:] = rng.standard_normal(n)
    zone, result = guarded((*lead, m, n), dtype)
    add = bool(rng.random() < 0.5)
    start = rng.standard_normal(result.shape).astype(dtype) if add else np.nan
    result[...] = start
    multiplied(x, y, result, bias, add)
    expected = np.matmul(x.astype(np.float64), y.astype(np.float64)) + bias
    bound = np.matmul(np.abs(x), np.abs(y)) + np.abs(bias)
    if add:
        expected, bound = expected + start, bound + np.abs(start)
    assert (np.abs(result - expected) <= 10 * np.finfo(dtype).eps * bound).all()
    assert (zone[:64] == 7).all()
    assert (zone[64 + result.size :] == 7).all()


@pytest.mark.parametrize("start", [(90,), (1, 90), (40, 90), (40, 1), (), (3, 40, 90), (3, 1, 90)])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_products_added_to_what_broadcasts(lead, start):
    """What is added keeps its values; what is larger than the product is an error."""
    from flambeau.kernels.matmul.matmul import added

    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((*lead, 40, 70), "f4"), rng.standard_normal((70, 90), "f4")
    more = rng.standard_normal(start).astype("f4")
    before = more.copy()
    if len(start) == 3 and not lead:
        with pytest.raises(ValueError, match="broadcast"):
            added(x, y, more)
        return
    result = added(x, y, more)
    wide = np.matmul(x.astype("f8"), y.astype("f8")) + more
    bound = np.matmul(np.abs(x), np.abs(y)) + np.abs(more)
    assert (np.abs(result - wide) <= 10 * np.finfo("f4").eps * bound).all()
    assert (more == before).all()
    assert added(x, y, more.astype("f8")) is NotImplemented
    assert added(x[..., :2, :2], y[:2], more) is NotImplemented


def test_panels_that_do_not_all_fit(monkeypatch):
    """A large right operand is packed by stretches of the inner dimension."""
    from flambeau.kernels.matmul import matmul as product

    monkeypatch.setattr(product, "PACKED", 1 << 13)
    product.plan.cache_clear()
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((300, 700), "f4"), rng.standard_normal((90, 700), "f4").T
    bias = rng.standard_normal(90).astype("f4")
    try:
        found = product.plan(x.dtype, x.shape, x.strides, y.shape, y.strides)
        assert found.inner < 700
        result = product.product(x, y, bias)
    finally:
        product.plan.cache_clear()
    wide = np.concatenate([x, np.ones((300, 1), "f4")], 1), np.concatenate([y, bias[None]])
    assert_near(result, *wide, np.float32)


@pytest.mark.parametrize(
    ("m", "k", "n", "turned"),
    [(300, 512, 300, True), (257, 1024, 1025, False), (33, 2048, 70, True), (1, 900, 700, True)],
)
def test_large_ones_have_the_same_bits_on_any_number_of_threads(m, k, n, turned):
    from flambeau.kernels.matmul.matmul import product

    rng = np.random.default_rng(k)
    x, y = (
        rng.standard_normal((m, k), "f4"),
        rng.standard_normal((n, k) if turned else (k, n), "f4"),
    )
    y, bias = y.T if turned else y, rng.standard_normal(n, "f4")
    threads, results = kernels.get_num_threads(), []
    try:
        for number in (1, 2, 3, 8):
            kernels.set_num_threads(number)
            results.append(product(x, y, bias))
    finally:
        kernels.set_num_threads(threads)
    assert_near(results[0] - bias, x, y, np.float32)
    assert all((other == results[0]).all() for other in results[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("m", "k", "n", "turned", "packing"),
    [
        (9, 700, 1100, False, "THIN"),
        (40, 1030, 1030, False, "THIN"),
        (31, 530, 97, True, "NONE"),
        (64, 530, 97, True, "BOTH"),
        (300, 520, 65, True, "BOTH"),
        (130, 1024, 515, False, "BOTH"),
        (70, 640, 640, False, "RIGHT"),
        (33, 90, 49, False, "NONE"),
    ],
)
def test_what_is_packed(dtype, m, k, n, turned, packing):
    """Each way of packing: within its memory, with a bias, added, and the same bits from any number of threads."""
    from flambeau.kernels.matmul.matmul import how_packed, multiplied

    rng = np.random.default_rng(m)
    x = rng.standard_normal((2, k, m) if turned else (2, m, k)).astype(dtype)
    x, y = x.swapaxes(1, 2) if turned else x, rng.standard_normal((2, k, n)).astype(dtype)
    found = how_packed((m, n, k), x.strides[1:], y.strides[1:], x.itemsize)
    assert found.name == packing
    bias, results = rng.standard_normal(n).astype(dtype), []
    threads = kernels.get_num_threads()
    try:
        for number in (1, 2):
            kernels.set_num_threads(number)
            zone, result = guarded((2, m, n), dtype)
            multiplied(x, y, result, bias)
            assert_near(result - bias, x, y, dtype)
            multiplied(x, y, result, None, True)
            assert_near((result - bias) / 2, x, y, dtype)
            assert (zone[:64] == 7).all()
            assert (zone[64 + result.size :] == 7).all()
            results.append(result)
    finally:
        kernels.set_num_threads(threads)
    assert (results[0] == results[1]).all()


def test_left_panels_of_any_size():
    """Left operands whose columns lie in memory, around the edges of panels and stretches."""
    from flambeau.kernels.matmul.matmul import multiplied

    rng = np.random.default_rng(4)
    for m in (8, 15, 17, 100):
        for k in (8, 31, 33, 513, 1025):
            x = rng.standard_normal((k, m)).astype("f4").T
            y = rng.standard_normal((k, 66)).astype("f4")
            assert_near(multiplied(x, y, np.empty((m, 66), "f4")), x, y, "f4")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 7, 8, 13, 17])
def test_few_rows_and_columns_in_memory(dtype, m):
    """Around the edges of vectors and of columns at once, with a bias and added; nan beside the operands stays there."""
    from flambeau.kernels.matmul.matmul import multiplied

    rng = np.random.default_rng(m)
    for k in (2, 16, 31, 33, 70, 150):
        for n in (2, 4, 65, 131):
            xs = np.full((m, k + 3), np.nan, dtype)
            ys = np.full((n, k + 5), np.nan, dtype)
            x, y = xs[:, :k], ys[:, :k].T
            x[...], y[...] = rng.standard_normal((m, k)), rng.standard_normal((k, n))
            bias = rng.standard_normal(n).astype(dtype)
            zone, result = guarded((m, n), dtype)
            multiplied(x, y, result, bias)
            assert_near(result - bias, x, y, dtype)
            multiplied(x, y, result, None, True)
            assert_near((result - bias) / 2, x, y, dtype)
            assert (zone[:64] == 7).all()
            assert (zone[64 + result.size :] == 7).all()
