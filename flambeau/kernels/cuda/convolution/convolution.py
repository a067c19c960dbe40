"""Convolution over one to three dimensions, its transpose and its gradient towards the weight, of device arrays.

Each gives NotImplemented for what it is not made for. A weight that is not finite makes NaN of the zeros of the padding that
it meets, as in the other direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...convolution.convolution import forward_work, transposed_works
from ...convolution.window import Window
from .. import driver
from ..array.copy import in_order
from ..floats import ELEMENTS, HALF, SUMS
from ..tensor_core import WITHOUT
from . import cudnn, point, single, tiled
from .sums import Form, Numbers
from .table import Sum, of_pass, of_weight

COMPUTE = {name: ELEMENTS[wide] for name, wide in SUMS.items()}
"""LLVM's types of sums, by the arrays' dtypes."""
FEW = 8
"""Rows of a group below which a tile would be mostly empty."""
STRETCH = 256
"""Steps that a split has at least."""
Plan = Sequence[tuple[Sum, tuple[Any, ...]]]


def usable(*arrays: Any) -> bool:
    """Are all of them arrays of the same float type, without anything empty?"""
    dtype = arrays[0].dtype
    return dtype.name in COMPUTE and all(
        a is None or (a.dtype == dtype and a.size > 0) for a in arrays
    )


def forward(x: Any, w: Any, bias: Any, window: Window, groups: int) -> Any:
    """Sums of products of a weight (O, C / groups, sizes) with the windows of x (N, C, sizes), plus a bias (O)."""
    if not usable(x, w, bias) or min(window.places(x.shape[2:])) < 1:
        return NotImplemented
    shape = x.shape[0], w.shape[0], *window.places(x.shape[2:])
    a, b, bias = _in_order(w, x, bias)
    made = _by_library("forward", a, b, bias, window, shape, groups)
    if made is not NotImplemented:
        return made
    return _summed(
        forward_plan(driver.device(), x.shape, w.shape, window, groups), a, b, bias, shape
    )


@lru_cache(256)
def forward_plan(
    device: int, x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window, groups: int
) -> Plan | None:
    return _placed([of_pass(forward_work("float", x_shape, w_shape, window, groups))])


def transposed(y: Any, w: Any, bias: Any, window: Window, groups: int, sizes: Any) -> Any:
    """From the result's side (N, O, places) back to the image's (N, C, sizes), with w as in `forward`."""
    if not usable(y, w, bias) or min(sizes) < 1:
        return NotImplemented
    shape = y.shape[0], w.shape[1] * groups, *sizes
    a, b, bias = _in_order(w, y, bias)
    made = _by_library("transposed", a, b, bias, window, shape, groups)
    if made is not NotImplemented:
        return made
    plan = transposed_plan(driver.device(), y.shape, w.shape, window, groups, tuple(sizes))
    return _summed(plan, a, b, bias, shape)


@lru_cache(256)
def transposed_plan(
    device: int, y_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window, groups: int,
    sizes: tuple[int, ...],
) -> Plan | None:  # fmt: skip
    works = transposed_works("float", y_shape, w_shape[1], window, groups, sizes)
    return _placed([of_pass(work) for work in works])


def weight(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """Sums of products of results (N, O, places) with the windows of x (N, C, sizes), in the weight's shape."""
    if not usable(y, x) or 0 in shape:
        return NotImplemented
    (a, b, _), shape = _in_order(y, x, None), tuple(shape)
    made = _by_library("weight", a, b, None, window, shape, groups)
    if made is not NotImplemented:
        return made
    plan = weight_plan(driver.device(), y.shape, x.shape, window, groups, shape)
    return _summed(plan, a, b, None, shape)


@lru_cache(256)
def weight_plan(
    device: int, y_shape: tuple[int, ...], x_shape: tuple[int, ...], window: Window, groups: int,
    shape: tuple[int, ...],
) -> Plan | None:  # fmt: skip
    rows = shape[0] // groups
    return _placed(
        [of_weight(x_shape[0], groups, shape[1], rows, x_shape[2:], y_shape[2:], window)]
    )


def _by_library(
    name: str, a: Any, b: Any, bias: Any, window: Window, shape: tuple[int, ...], groups: int
) -> Any:
    """A map by cuDNN where it is installed, or by cuBLAS where it is a product; else NotImplemented."""
    made = cudnn.computed(name, a, b, bias, window, shape)
    if made is NotImplemented and window.is_point:
        return point.computed(name, a, b, bias, shape, groups)
    return made


def _placed(sums: list[Sum]) -> Plan | None:
    """Sums with their tables on the device; None where they are too large to count."""
    if not all(work.fits for work in sums):
        return None
    return [(work, work.placed()) for work in sums]


def _in_order(*arrays: Any) -> list[Any]:
    return [None if a is None else in_order(a) for a in arrays]


def _summed(plan: Plan | None, a: Any, b: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    """A map by the kernels of this room."""
    if plan is None:
        return NotImplemented
    c = driver.cupy().empty(shape, a.dtype)
    for work, tables in plan:
        _launch(work, tables, a, b, bias, c)
    return c


def _launch(work: Sum, tables: tuple[Any, ...], a: Any, b: Any, bias: Any, c: Any) -> None:
    """One sum, by the kernel that suits it."""
    name, n = a.dtype.name, work.numbers
    form = Form(name, name, COMPUTE[name], work.checked, work.outer, bias is not None)
    arrays = a, b, a if bias is None else bias, c, *tables
    if n.rows >= FEW and n.wide >= FEW:
        return _tiled(form, work, arrays)
    results = n.rows * n.wide
    if n.total >= 16 * results * work.groups and results < 1 << 16:
        kernel, blocks = single.together(form), results
    else:
        kernel, blocks = single.each(form), -(-results // single.THREADS)
    return kernel((blocks, work.groups), single.THREADS, *arrays, *n)


def _tiled(form: Form, work: Sum, arrays: tuple[Any, ...]) -> None:
    """A sum by tiles, its steps split where there are too few tiles for the GPU."""
    n, processors, c = work.numbers, driver.processors(driver.device()), arrays[3]
    tile, blocks = _tile(form, n, work.groups, processors)
    whole = n.rows * n.wide * work.groups == c.size  # and not one of several passes
    most = min(2 * processors // blocks, n.total // STRETCH, 65535 // work.groups)
    splits = max(1, most) if whole else 1
    grid = -(-n.wide // tile.columns), -(-n.rows // tile.rows), work.groups
    if splits == 1:
        return tiled.kernel(form, tile)(grid, tile.threads, *arrays, *n)
    part = -(-n.total // splits // tile.deep) * tile.deep
    splits = -(-n.total // part)
    count = c.size
    wide = "float32" if form.compute == "float" else "float64"
    scratch = driver.cupy().empty((splits, count), wide)
    split = n._replace(part=part, splits=splits, c_split=count)
    plain = Form(form.dtype, wide, form.compute, form.checked, form.outer, False)
    tiled.kernel(plain, tile)(
        (*grid[:2], work.groups * splits), tile.threads, *arrays[:3], scratch, *arrays[4:], *split
    )
    places = math.prod(c.shape[2:])
    single.parts(form.compute, form.dtype, form.biased)(
        -(-count // single.THREADS), single.THREADS, scratch, arrays[2], c, count, splits, c.shape[1], places
    )  # fmt: skip


def _tile(form: Form, n: Numbers, groups: int, processors: int) -> tuple[tiled.Tile, int]:
    """The largest tile of which there are enough, and how many there are."""
    for tile in _tiles(form, n.rows):
        blocks = -(-n.wide // tile.columns) * -(-n.rows // tile.rows) * groups
        if blocks >= 2 * processors:
            break
    return tile, blocks


def _tiles(form: Form, rows: int) -> list[tiled.Tile]:
    """Those that suit a form, the largest first: what its registers have room for."""
    if form.dtype in HALF and driver.architecture(driver.device()) not in WITHOUT:
        return [tiled.HALF_SMALL] if form.outer else [tiled.HALF_LARGE, tiled.HALF_SMALL]
    if rows <= tiled.FLAT.rows:
        return [tiled.FLAT]
    return [tiled.SMALL] if form.compute == "double" else [tiled.LARGE, tiled.SMALL]


__all__ = ["forward", "transposed", "weight"]
