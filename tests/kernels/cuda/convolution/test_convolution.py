"""The three maps of a convolution of device arrays, against NumPy's in float64."""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.convolution.window import Window
from flambeau.kernels.cuda import driver
from flambeau.kernels.cuda.convolution import convolution, single, tiled
from flambeau.ops.nn.convolution import _back_by_columns, _by_columns, _weight_by_columns

DTYPES = [np.dtype("f4"), np.dtype("f2"), np.dtype("f8"), np.dtype(ml_dtypes.bfloat16)]
TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 3e-6, "float64": 1e-14}
RANDOM = np.random.default_rng(0)


class Case(NamedTuple):
    images: int
    channels: int
    rows: int
    sizes: tuple[int, ...]
    window: tuple
    groups: int = 1


CASES = {
    "few rows": Case(2, 3, 5, (7, 6), ((3, 3), (1, 1), (1, 1), (1, 1))),
    "tiles": Case(2, 9, 10, (7, 6), ((3, 2), (2, 2), (1, 1), (1, 1))),
    "dilated": Case(1, 16, 24, (9,), ((3,), (2,), (2,), (2,))),
    "more rows than a tile": Case(1, 8, 70, (4, 5), ((2, 2), (1, 1), (1, 1), (0, 0))),
    "three dimensions": Case(1, 8, 8, (4, 5, 3), ((2, 2, 2), (2, 2, 2), (1, 1, 1), (1, 1, 1))),
    "depthwise": Case(2, 8, 8, (6, 5), ((3, 3), (1, 1), (1, 1), (1, 1)), 8),
    "groups": Case(1, 16, 18, (6, 5), ((3, 3), (2, 2), (1, 1), (1, 1)), 2),
    "a point": Case(2, 20, 17, (5, 5), ((1, 1), (1, 1), (1, 1), (0, 0))),
    "a point in groups": Case(2, 6, 9, (7,), ((1,), (1,), (1,), (0,)), 3),
    "gaps between windows": Case(1, 8, 8, (8, 5), ((2, 2), (3, 3), (1, 1), (0, 0))),
}


def normal(shape, dtype):
    return RANDOM.normal(size=shape).astype(dtype)


def assert_near(got, want):
    assert got is not NotImplemented
    assert got.shape == want.shape
    tolerance = TOLERANCE[got.dtype.name] * np.abs(want).max()
    np.testing.assert_allclose(got.get().astype("f8"), want, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for i, name in enumerate(CASES) for dtype in DTYPES[: 4 if i < 2 else 2]],
    ids=str,
)
def test_maps(xp, name, dtype):
    case = CASES[name]
    window, groups = Window(*case.window, case.window[-1]), case.groups
    x = normal((case.images, case.channels, *case.sizes), dtype)
    w = normal((case.rows, case.channels // groups, *window.size), dtype)
    bias, other = normal((case.rows,), dtype), normal((case.channels,), dtype)
    exact = [v.astype("f8") for v in (x, w, bias, other)]
    want = _by_columns(*exact[:3], window, groups)
    there = [xp.asarray(v) for v in (x, w, bias, other)]
    made = convolution.forward(*there[:3], window, groups)
    assert_near(made, want)
    g = normal(want.shape, dtype)
    slope, device = g.astype("f8"), xp.asarray(g)
    want = _back_by_columns(slope, exact[1], exact[3], window, groups, case.sizes)
    made = convolution.transposed(device, there[1], there[3], window, groups, case.sizes)
    assert_near(made, want)
    made = convolution.weight(device, there[0], window, groups, w.shape)
    assert_near(made, _weight_by_columns(slope, exact[0], window, groups, w.shape))


@pytest.fixture
def launched(monkeypatch):
    """What kernels were launched: names, and grids."""
    names = []
    plain = driver.Kernel.__call__

    def call(kernel, grid, *given, **options):
        names.append((kernel.name, grid))
        return plain(kernel, grid, *given, **options)

    monkeypatch.setattr(driver.Kernel, "__call__", call)
    return names


def test_long_sums_are_split(xp, launched):
    """Few results and many steps: parts, summed in their order, so that the bits are the same every time."""
    window = Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
    x, g = normal((4, 9, 14, 14), np.dtype("f4")), normal((4, 9, 14, 14), np.dtype("f4"))
    made = [
        convolution.weight(xp.asarray(g), xp.asarray(x), window, 1, (9, 9, 3, 3)) for _ in range(2)
    ]
    assert [name for name, _ in launched] == ["convolution", "convolution_parts"] * 2
    assert launched[0][1][2] > 1
    assert_near(
        made[0], _weight_by_columns(*(v.astype("f8") for v in (g, x)), window, 1, (9, 9, 3, 3))
    )
    np.testing.assert_array_equal(made[0].get(), made[1].get())


def test_bias_of_a_split_sum(xp, launched):
    window = Window((1,), (2,), (1,), (0,), (0,))
    x, w, bias = (normal(shape, np.dtype("f2")) for shape in ((1, 600, 16), (9, 600, 1), (9,)))
    made = convolution.forward(*(xp.asarray(v) for v in (x, w, bias)), window, 1)
    assert launched[0][1][2] > 1
    assert_near(made, _by_columns(*(v.astype("f8") for v in (x, w, bias)), window, 1))


def test_views(xp):
    window = Window((2, 2), (1, 1), (1, 1), (0, 0), (0, 0))
    x, w = normal((5, 4, 3, 2), np.dtype("f4")), normal((3, 3, 4, 2), np.dtype("f4"))
    made = convolution.forward(xp.asarray(x).T, xp.asarray(w)[:, :, ::2], None, window, 1)
    assert_near(made, _by_columns(x.T.astype("f8"), w[:, :, ::2].astype("f8"), None, window, 1))


def test_padding_is_no_element(xp):
    """What lies outside counts nothing, and is not read: its neighbours in memory are infinite here."""
    x = np.full((3, 1, 4), np.inf, np.float32)
    x[1] = 1
    window = Window((3,), (1,), (1,), (1,), (1,))
    made = convolution.forward(xp.asarray(x), xp.ones((1, 1, 3), np.float32), None, window, 1)
    np.testing.assert_array_equal(made.get()[1, 0], [2, 3, 3, 2])


def test_what_it_is_not_made_for(xp):
    window = Window((1,), (1,), (1,), (0,), (0,))
    for dtype in (np.complex64, np.int32):
        x = xp.ones((1, 1, 2), dtype)
        assert convolution.forward(x, xp.ones((1, 1, 1), dtype), None, window, 1) is NotImplemented
    empty = xp.ones((0, 1, 2), np.float32)
    assert convolution.forward(empty, xp.ones((1, 1, 1), "f4"), None, window, 1) is NotImplemented


@pytest.mark.parametrize("tile", [tiled.LARGE, tiled.HALF_LARGE], ids=["large", "half large"])
def test_large_tiles(xp, monkeypatch, tile):
    monkeypatch.setattr(convolution, "_tiles", lambda form, rows: [tile])
    dtype = np.dtype("f2" if tile is tiled.HALF_LARGE else "f4")
    window = Window((3,), (1,), (1,), (1,), (1,))
    x, w = normal((1, 9, 150), dtype), normal((130, 9, 3), dtype)
    made = convolution.forward(xp.asarray(x), xp.asarray(w), None, window, 1)
    assert_near(made, _by_columns(x.astype("f8"), w.astype("f8"), None, window, 1))


def test_half_types_without_tensor_cores(xp, monkeypatch):
    monkeypatch.setattr(driver, "architecture", lambda device: "sm_75")
    x, w = normal((1, 9, 20), np.dtype("f2")), normal((9, 9, 3), np.dtype("f2"))
    window = Window((3,), (1,), (1,), (1,), (1,))
    made = convolution.forward(xp.asarray(x), xp.asarray(w), None, window, 1)
    assert_near(made, _by_columns(x.astype("f8"), w.astype("f8"), None, window, 1))


def test_a_row_by_itself_and_a_block_for_a_result(xp, launched):
    """Depthwise: the weight's gradient has many steps for each of few results."""
    window = Window((3,), (1,), (1,), (1,), (1,))
    x, w = xp.ones((2, 8, 200), "f4"), xp.ones((8, 1, 3), "f4")
    convolution.forward(x, w, None, window, 8)
    convolution.weight(x, x, window, 8, (8, 1, 3))
    assert [name for name, _ in launched] == ["convolution_each", "convolution_together"]
    assert single.THREADS % 32 == 0
