"""Attention in one pass against its definition in float64: shapes, layouts, masks, guard zones,
threads."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SEEDS = np.random.SeedSequence(20264).generate_state(40)
SCALE = 0.3


class Case:
    """Random operands, and attention with its gradients by definition."""

    def __init__(self, seed, dtype):
        self.rng = rng = np.random.default_rng(seed)
        self.dtype = dtype
        lead = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
        queries, keys, width, depth = (
            int(n) for n in rng.choice([1, 2, 5, 16, 33, 64, 65, 130], 4)
        )
        self.q, self.k, self.v, self.g = (
            self.draw(lead, *sizes)
            for sizes in ((queries, width), (keys, width), (keys, depth), (queries, depth))
        )
        self.causal = bool(rng.random() < 0.3)
        self.mask = None
        if not self.causal:
            shape = [(queries, keys), (keys,), (queries, 1), (*lead, queries, keys)][
                rng.integers(4)
            ]
            draws = rng.standard_normal(shape).astype(dtype), rng.random(shape) < 0.7, None
            self.mask = draws[rng.integers(3)]

    def draw(self, lead, rows, columns):
        """Values within nan, as a whole or as the middle of three (as projections of one
        product are)."""
        if lead and self.rng.random() < 0.3:
            whole = np.full((*lead[:-1], rows, lead[-1], 3 * columns), np.nan, self.dtype)
            inside = whole[..., columns : 2 * columns].swapaxes(-2, -3)
        else:
            size = int(np.prod((*lead, rows, columns)))
            whole = np.full(size + 128, np.nan, self.dtype)
            inside = whole[64 : 64 + size].reshape(*lead, rows, columns)
        inside[...] = self.rng.standard_normal(inside.shape)
        return inside

    def weights(self):
        scores = SCALE * self.q.astype(np.float64) @ self.k.astype(np.float64).swapaxes(-1, -2)
        mask = np.tri(*scores.shape[-2:], dtype=bool) if self.causal else self.mask
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        most = scores.max(-1, keepdims=True)
        weights = np.exp(scores - np.where(np.isinf(most), 0, most))
        total = weights.sum(-1, keepdims=True)
        return weights / np.where(total == 0, 1, total)

    def gradients(self, weights):
        g, q, k, v = (x.astype(np.float64) for x in (self.g, self.q, self.k, self.v))
        slopes = g @ v.swapaxes(-1, -2)
        slopes = SCALE * weights * (slopes - (weights * slopes).sum(-1, keepdims=True))
        return slopes @ k, slopes.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ g


def assert_near(found, expected):
    assert found.shape == expected.shape
    scale = 100 * np.finfo(found.dtype).eps * (1 + np.abs(expected).max())
    assert np.abs(found - expected).max() <= scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", SEEDS)
def test_values_and_gradients(seed, dtype):
    from flambeau.kernels.nn import attention

    case = Case(seed, dtype)
    assert attention.fits(case.q, case.k, case.v)
    weights = case.weights()
    shape = (*case.q.shape[:-1], case.v.shape[-1])
    size = int(np.prod(shape))
    zone = np.full(size + 128, 7, dtype)
    out = zone[64 : 64 + size].reshape(shape)
    facts = case.mask, SCALE, case.causal
    _, logs = attention.attended(case.q, case.k, case.v, *facts, out)
    assert_near(out, weights @ case.v.astype(np.float64))
    assert (zone[:64] == 7).all()
    assert (zone[-64:] == 7).all()
    found = attention.backward(case.g, case.q, case.k, case.v, out, logs, *facts)
    for mine, expected in zip(found, case.gradients(weights)):
        assert_near(mine, expected)


def test_large_scores_do_not_overflow():
    from flambeau.kernels.nn import attention

    q, v = np.full((3, 8), 100, "f4"), np.arange(80, dtype="f4").reshape(10, 8)
    k = np.linspace(-100, 100, 80, dtype="f4").reshape(10, 8)
    out, _ = attention.forward(q, k, v, None, 1.0, False)
    assert (out == v[-1]).all()


def test_a_query_that_sees_no_key():
    from flambeau.kernels.nn import attention

    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((70, 16)) for _ in range(3))
    mask = np.ones((70, 70), bool)
    mask[5] = False
    out, logs = attention.forward(q, k, v, mask, 1.0, False)
    assert (out[5] == 0).all()
    assert np.isfinite(out).all()
    g = np.ones_like(out)
    dq, dk, dv = attention.backward(g, q, k, v, out, logs, mask, 1.0, False)
    assert (dq[5] == 0).all()
    assert np.isfinite(dk).all()
    assert np.isfinite(dv).all()


def test_the_same_bits_on_any_number_of_threads():
    from flambeau.kernels.nn import attention

    rng = np.random.default_rng(1)
    q, k, v, g = (rng.standard_normal((6, 150, 40), "f4") for _ in range(4))
    threads = kernels.get_num_threads()
    results = []
    try:
        for number in (1, 2, 5):
            kernels.set_num_threads(number)
            out, logs = attention.forward(q, k, v, None, 0.2, True)
            results.append((out, *attention.backward(g, q, k, v, out, logs, None, 0.2, True)))
    finally:
        kernels.set_num_threads(threads)
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other))


def test_what_does_not_fit():
    from flambeau.kernels.nn import attention

    x = np.ones((2, 4, 8), "f4")
    for other in (x.astype("f8"), x[:1], x[:, :0], np.ones((2, 4, 8), "i4")):
        assert not attention.fits(x, other, x)
    assert not attention.fits(x.astype("i4"), x, x)


def test_heads_lie_within_the_length():
    """So the result's heads are put side by side without a copy, as PyTorch's are; so are gradients'."""
    from flambeau.kernels.nn import attention

    rng = np.random.default_rng(2)
    q, k, v, g = (rng.standard_normal((2, 3, 70, 8), "f4") for _ in range(4))
    out, logs = attention.forward(q, k, v, None, 0.3, False)
    found = attention.backward(g, q, k, v, out, logs, None, 0.3, False)
    for x in (out, *found):
        assert x.swapaxes(1, 2).flags.c_contiguous
    turned = attention.backward(g, q, k, v, np.ascontiguousarray(out), logs, None, 0.3, False)
    for x, y in zip(found, turned):
        assert (x == y).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("masked", [False, True])
def test_half_types_are_computed_in_float32_and_rounded_once(name, masked):
    dtype = getattr(torch, name).numpy
    rng = np.random.default_rng(3)
    q, k, v, g = (rng.standard_normal((2, 9, 8)).astype(dtype) for _ in range(4))
    mask = rng.standard_normal((9, 9)).astype(dtype) if masked else None
    wide = [x.astype(np.float32) for x in (q, k, v, g)]
    added = None if mask is None else mask.astype(np.float32)
    out, logs = kernels.nn.attention.forward(q, k, v, mask, SCALE, False)
    want, want_logs = kernels.nn.attention.forward(*wide[:3], added, SCALE, False)
    # Sums may be in another order, and fall on the other side.
    unit = float(torch.finfo(getattr(torch, name)).eps)
    np.testing.assert_allclose(out.astype(np.float32), want, unit / 2 * 1.001, 1e-6)
    np.testing.assert_allclose(logs, want_logs, 1e-6, 1e-6)
    made = kernels.nn.attention.backward(g, q, k, v, out, logs, mask, SCALE, False)
    slopes = [wide[3], *wide[:3], out.astype(np.float32), logs]
    for x, y in zip(made, kernels.nn.attention.backward(*slopes, added, SCALE, False), strict=True):
        np.testing.assert_array_equal(x, y.astype(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_long_attention_of_half_types(dtype):
    """One operation, whose results are nearer to those in float64 than one rounding of each step would leave them."""
    rng = np.random.default_rng(4)
    given = [torch.tensor(rng.standard_normal((1, 2, 80, 16))).to(dtype) for _ in range(3)]
    given = [x.requires_grad_() for x in given]
    exact = [x.detach().double().requires_grad_() for x in given]
    out, want = (
        torch.nn.functional.scaled_dot_product_attention(*x, is_causal=True) for x in (given, exact)
    )
    assert out.dtype is dtype
    eps = torch.finfo(dtype).eps
    assert (out.double() - want).abs().max() <= eps * want.abs().max()
    out.sum().backward()
    want.sum().backward()
    for x, y in zip(given, exact, strict=True):
        assert x.grad.dtype is dtype
        assert (x.grad.double() - y.grad).abs().max() <= 2 * eps * y.grad.abs().max()
