"""Attention in half types against that of float64: rounded once, whatever the sizes, layouts and masks."""

import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
attention = torch.nn.functional.scaled_dot_product_attention
HALVES = [torch.bfloat16, torch.float16]
SIZES = [(1, 1, 1, 1), (5, 7, 3, 4), (64, 64, 64, 64), (65, 130, 33, 40), (200, 300, 64, 64),
         (17, 513, 80, 16), (130, 128, 32, 96), (63, 129, 31, 33)]  # fmt: skip


def operands(sizes, dtype, lead=(2, 3)):
    queries, keys, width, depth = sizes
    shapes = (queries, width), (keys, width), (keys, depth)
    return [torch.randn(*lead, *shape).to(dtype) for shape in shapes]


def assert_rounded_once(result, q, k, v, **options):
    mask = options.get("attn_mask")
    if mask is not None and mask.dtype is not torch.bool:
        options["attn_mask"] = mask.double()
    exact = attention(q.double(), k.double(), v.double(), **options)
    size = attention(q.double(), k.double(), v.double().abs(), **options)
    unit = torch.finfo(result.dtype).eps / 2
    bound = unit * 1.01 * exact.abs() + size * 2**-15 + 1e-6
    assert ((result.double() - exact).abs() <= bound).all()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", ["plain", "causal", "bool", "added"])
def test_any_size_and_mask(dtype, sizes, kind):
    q, k, v = operands(sizes, dtype)
    options = {"is_causal": kind == "causal"}
    if kind == "bool":
        options["attn_mask"] = torch.rand(sizes[0], sizes[1]) > 0.3
    if kind == "added":
        options["attn_mask"] = torch.randn(2, 1, sizes[0], sizes[1]).to(dtype)
    assert_rounded_once(attention(q, k, v, **options), q, k, v, **options)


@pytest.mark.parametrize("dtype", HALVES)
def test_heads_within_the_length_and_broadcast_keys(dtype):
    x = torch.randn(2, 90, 3, 4, 48).to(dtype)
    q, k, v = (t.transpose(1, 2) for t in x.unbind(2))
    assert_rounded_once(attention(q, k, v), q, k, v)
    k, v = (t[:, :1].expand(2, 4, 90, 48) for t in (k, v))
    assert_rounded_once(attention(q, k, v), q, k, v)


@pytest.mark.parametrize("dtype", HALVES)
def test_rows_that_see_nothing_are_zero(dtype):
    q, k, v = operands((70, 140, 32, 32), dtype)
    seen = torch.ones(70, 140, dtype=torch.bool)
    seen[5] = False
    seen[6, :130] = False
    result = attention(q, k, v, attn_mask=seen)
    assert (result[:, :, 5] == 0).all()
    assert_rounded_once(result[:, :, 6:], q[:, :, 6:], k, v, attn_mask=seen[6:])


@pytest.mark.parametrize("dtype", HALVES)
def test_what_is_not_finite_stays_in_its_row(dtype):
    q, k, v = operands((70, 140, 32, 32), dtype)
    plain = attention(q, k, v)
    q[0, 1, 3, 5] = torch.nan
    result = attention(q, k, v)
    assert result[0, 1, 3].isnan().all()
    result[0, 1, 3] = plain[0, 1, 3]
    assert (result.double() - plain.double()).abs().max() <= 2**-8


@pytest.mark.parametrize("dtype", HALVES)
def test_bits_do_not_depend_on_threads(dtype):
    q, k, v = operands((300, 260, 64, 64), dtype)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            results.append(attention(q, k, v, is_causal=True))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results)


@pytest.mark.parametrize("dtype", HALVES)
def test_gradients_are_near_those_of_float64(dtype):
    given = [x.requires_grad_() for x in operands((70, 90, 32, 48), dtype)]
    wide = [x.detach().double().requires_grad_() for x in given]
    g = torch.randn(2, 3, 70, 48).to(dtype)
    attention(*given, is_causal=True).backward(g)
    attention(*wide, is_causal=True).backward(g.double())
    for x, y in zip(given, wide):
        scale = y.grad.abs().max().item()
        assert (x.grad.double() - y.grad).abs().max() <= 4 * torch.finfo(dtype).eps * scale


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("steps", [0.02, 0.09, 3.0])
def test_maxima_that_rise_from_block_to_block(dtype, steps):
    """By less and by more than what a row's reference is held for."""
    q, v = torch.ones(70, 1).to(dtype), torch.randn(600, 40).to(dtype)
    k = (torch.arange(600) * steps).reshape(600, 1).to(dtype)
    for keys in (k, k.flip(0)):
        assert_rounded_once(attention(q, keys, v, scale=1.0), q, keys, v, scale=1.0)
