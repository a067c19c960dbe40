"""interpolate and adaptive pooling: a result sees the elements that it is a mixture of, and no others."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.ops.nn.interpolate import cubic_taps
from flambeau.ops.nn.taps import Taps, mapped

F = torch.nn.functional
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def interpolated(n, size, **options):
    return lambda x: F.interpolate(x, size=(size,) * n, **options)


def pooled(n, size):
    return lambda x: getattr(F, f"adaptive_avg_pool{n}d")(x, size)


MAPS = {
    **{f"{mode} to {size}": (n, 6, interpolated(n, size, mode=mode))
       for mode, n in (("linear", 1), ("bilinear", 2), ("bicubic", 2), ("trilinear", 3), ("area", 1),
                       ("area", 2), ("nearest", 2), ("nearest-exact", 3))
       for size in (4, 9)},
    "bilinear, aligned": (2, 4, interpolated(2, 7, mode="bilinear", align_corners=True)),
    "bicubic, aligned": (2, 6, interpolated(2, 3, mode="bicubic", align_corners=True)),
    "bilinear, smooth": (2, 9, interpolated(2, 4, mode="bilinear", antialias=True)),
    "bicubic, smooth": (2, 6, interpolated(2, 4, mode="bicubic", antialias=True)),
    **{f"pool {n}d to {size}": (n, 6 if n < 3 else 4, pooled(n, size))
       for n in (1, 2, 3) for size in (1, 3, 4, 9)},
    "pool by windows": (2, 8, lambda x: F.avg_pool2d(x, 3, 2, padding=1)),
    "unfold": (2, 6, lambda x: F.unfold(x, 3, padding=1)),
    "norm of windows": (1, 9, lambda x: F.lp_pool1d(x, 2.0, 3, 2)),
    "response": (1, 6, lambda x: F.local_response_norm(x.movedim(1, 2), 3)),
    "cross-map": (2, 4, lambda x: nn.CrossMapLRN2d(3)(x.movedim(1, 2).expand(-1, -1, 3, -1))),
}  # fmt: skip


def read_by(run, x):
    """For each element of x the results that change with it."""
    usual, changed = run(x).flatten(), []
    for i in range(x.numel()):
        other = x.clone()
        other.view(-1)[i] += 7
        changed.append((run(other).flatten() != usual).tolist())
    return usual, np.array(changed)


def sample_of(n, size):
    values = torch.cos(torch.arange(float(size**n), dtype=torch.float64) * 0.7) + 2
    return values.view(1, 1, *(size,) * n)


@pytest.mark.parametrize("name", MAPS)
def test_what_is_not_finite_stays_where_it_is_seen(name):
    n, size, run = MAPS[name]
    _, seen = read_by(run, sample_of(n, size))
    for dtype in FLOATS:
        x = sample_of(n, size).to(dtype)
        usual = run(x).flatten()
        for i, value in ((0, math.nan), (x.numel() - 1, math.inf), (x.numel() // 2, math.nan)):
            other = x.clone()
            other.view(-1)[i] = value
            got = run(other).flatten()
            kept = torch.tensor(~seen[i])
            assert got[kept].tolist() == usual[kept].tolist(), (dtype, value)
            if math.isnan(value):
                assert torch.isnan(got[~kept]).all()
            elif name not in ("bicubic, smooth", "response", "cross-map"):
                assert torch.isinf(got[~kept]).all()  # and no infinity minus itself


@pytest.mark.parametrize("name", MAPS)
def test_gradients_that_are_not_finite_stay_where_they_come_from(name):
    n, size, run = MAPS[name]
    x = sample_of(n, size)
    usual, seen = read_by(run, x)
    for dtype in FLOATS[:2]:
        own = x.to(dtype).requires_grad_()
        out = run(own)
        slopes = torch.ones(out.shape, dtype=dtype)
        slopes.view(-1)[len(usual) // 2] = math.nan
        (back,) = torch.autograd.grad(out, own, slopes)
        spoiled = torch.isnan(back).flatten().numpy()
        assert not (spoiled & ~seen[:, len(usual) // 2]).any()
        assert spoiled.any()


LINEAR = [name for name in MAPS if name not in ("norm of windows", "response", "cross-map")]


@pytest.mark.parametrize("name", LINEAR)
def test_a_gradient_is_the_transpose(name):
    n, size, run = MAPS[name]
    x = sample_of(n, size).requires_grad_()
    out = run(x)
    matrix = np.array(
        [run(e.view(x.shape)).flatten().tolist() for e in torch.eye(x.numel(), dtype=x.dtype)]
    )
    flat = x.detach().flatten().numpy()
    np.testing.assert_allclose(out.detach().flatten(), flat @ matrix, rtol=1e-12)
    g = torch.sin(torch.arange(float(out.numel()), dtype=x.dtype)).view(out.shape).requires_grad_()
    (back,) = torch.autograd.grad(out, x, g, create_graph=True)
    np.testing.assert_allclose(
        back.detach().flatten(), matrix @ g.detach().flatten().numpy(), atol=1e-13
    )
    (again,) = torch.autograd.grad(back, g, x.detach())
    np.testing.assert_allclose(again.flatten(), out.detach().flatten(), rtol=1e-12)


def test_bilinear_values():
    """Halfway between, a quarter from each side: by hand; the corner is far below what lies beside it."""
    x = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    out = F.interpolate(x, scale_factor=2, mode="bilinear")
    assert out[0, 0].tolist() == [
        [0.0, 1.0, 3.0, 4.0], [2.0, 3.0, 5.0, 6.0], [6.0, 7.0, 9.0, 10.0], [8.0, 9.0, 11.0, 12.0],
    ]  # fmt: skip
    x = torch.tensor([[[3e38, 1e-3, 2e-3]]])
    assert F.adaptive_avg_pool1d(x, 5)[0, 0, 2:].tolist() == pytest.approx([1e-3, 1.5e-3, 2e-3])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_once(dtype):
    x = sample_of(2, 6).to(dtype)
    for mode in ("bilinear", "bicubic", "area"):
        wide = F.interpolate(x.float(), size=(4, 9), mode=mode)
        assert F.interpolate(x, size=(4, 9), mode=mode).tolist() == wide.to(dtype).tolist()


@pytest.mark.parametrize("dtype", FLOATS)
def test_nearest_gathers_all_gradients(dtype):
    """5,000 slopes of 1 for one element: half types would stop at 2,048 or 256."""
    x = torch.ones(1, 1, 1, dtype=dtype, requires_grad=True)
    F.interpolate(x, size=5_000).sum().backward()
    assert x.grad.item() == torch.tensor(5_000.0, dtype=dtype).item()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout_and_size(dtype):
    """Rows longer and shorter than vectors, strided, turned round and moved, against a dense product."""
    rng = np.random.default_rng(5)
    for size, count, after in ((3, 70, 1), (130, 41, 1), (9, 33, 2), (5, 8, 67), (40, 3, 300)):
        same = Taps(after, after, np.arange(after), np.arange(after), np.ones(after))
        taps = cubic_taps(size, count, None, False)
        for each in (taps, taps.transposed):
            dense = np.zeros((each.count, each.size))
            np.add.at(dense, (each.rows, each.places), each.weights)
            wide = rng.standard_normal((2, 2 * each.size, after)).astype(dtype)
            for x in (wide[:, ::2], wide[:, each.size - 1 :: -1], wide.T[:, ::2].T):
                right = np.einsum("os,nsi->noi", dense, x.astype(np.float64))
                near = 1e-5 if dtype is np.float32 else 1e-12
                np.testing.assert_allclose(mapped(x, (each, same)), right, atol=near)
                if after == 1:
                    np.testing.assert_allclose(mapped(x[..., 0], (each,)), right[..., 0], atol=near)
