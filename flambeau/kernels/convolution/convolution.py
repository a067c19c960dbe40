"""Convolution over one to three dimensions, its transpose and its gradient towards the weight, of
arrays.

Each takes a `Window` and gives NotImplemented for arrays that it is not made for. What shapes and window say is
worked out once and kept in a `Map`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..array.copy import in_order
from ..array.half import HALF, as_type, widened
from ..matmul.matmul import ELEMENTS
from ..runtime import memory
from . import columns, half, half_gradient, winograd
from .plan import Pass, plan, taps_of, three
from .weight_plan import WeightByChannel, WeightByPixel, Work
from .window import Window, flattened


class Map:
    """One of the three maps, of arrays of some shapes.

    Attributes:
        shape: The result's.
        patches: How it is computed by fewer multiplications, or None.
        passes: How it is computed by sums over the window, where patches are None or not all is finite.
        pads: Do these multiply zeros around the image with the weight?
    """

    def __init__(
        self, shape: tuple[int, ...], patches: Any, passes: Callable[[], Sequence[Any]],
        pads: bool = True,
    ):  # fmt: skip
        self.shape, self.patches, self._planned, self.pads = shape, patches, passes, pads

    @cached_property
    def passes(self) -> Sequence[Any]:
        return self._planned()

    def run(self, *arrays: Any) -> None:
        """Compute it of arrays in order; the last one is the result."""
        if not self.run_patches(*arrays):
            self.run_passes(*arrays)

    def run_patches(self, *arrays: Any) -> bool:
        """Compute it by patches; False if there are none, or not all is finite."""
        return self.patches is not None and self.patches.run(*arrays)

    def run_passes(self, *arrays: Any) -> None:
        """Compute it by sums over the window."""
        for part in self.passes:
            part.run(*arrays)


def usable(*arrays: Any) -> bool:
    """Are all of them arrays of the same float type, without anything empty?"""
    dtype = arrays[0].dtype
    if dtype not in ELEMENTS:
        return False
    for a in arrays:
        if a is None:
            continue
        if type(a) is not np.ndarray or (a.dtype is not dtype and a.dtype != dtype) or not a.size:
            return False
    return True


@lru_cache(1024)
def half_plan(
    name: str, element: str, x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window,
    groups: int, sizes: tuple[int, ...],
) -> tuple[tuple[int, ...], half.ByTile | half.ByPhase] | None:  # fmt: skip
    """The shape of a map of a half type from x to sizes, and how tiles compute it; None where they do not."""
    if min(sizes) < 1:
        return None
    if name == "forward":
        shape = x_shape[0], w_shape[0], *sizes
        works = [forward_work("i16", x_shape, w_shape, window, groups)]
    else:
        shape = x_shape[0], w_shape[1] * groups, *sizes
        works = transposed_works("i16", x_shape, w_shape[1], window, groups, sizes)
    found = half.planned(works, element)
    return None if found is None else (shape, found)


def _by_tiles(name: str, arrays: Any, window: Window, groups: int, sizes: Sequence[int]) -> Any:
    """A map of a half type by tiles, or None."""
    x, w, bias = arrays
    if x.dtype.itemsize != 2 or x.dtype.name not in HALF:
        return None
    for a in (x, w) if bias is None else arrays:
        if type(a) is not np.ndarray or a.dtype is not x.dtype or not a.size:
            return None
    found = half_plan(name, x.dtype.name, x.shape, w.shape, window, groups, tuple(sizes))
    if found is None:
        return None
    y = memory.empty(found[0], x.dtype)
    given = in_order(x), in_order(w), None if bias is None else in_order(bias)
    return y if found[1].run(*given, y) else None


def _of_half(function: Callable, arrays: tuple[Any, ...], *rest: Any) -> Any:
    """The same of a half type, in float32; NotImplemented for all other arrays that are not usable."""
    wide = widened(*arrays)
    if wide is None or not usable(*wide):
        return NotImplemented
    found = function(*wide, *rest)
    return found if found is NotImplemented else as_type(found, arrays[0].dtype)


@lru_cache(1024)
def forward_plan(
    dtype: Any, x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window, groups: int
) -> Map | None:
    """None where the window does not fit."""
    places = window.places(x_shape[2:])
    if min(places) < 1:
        return None
    images, channels, rows = x_shape[0], w_shape[1], w_shape[0] // groups
    shape = images, w_shape[0], *places
    if columns.is_flat(window, places, channels, rows):
        return Map(shape, None, lambda: [columns.Flat(groups)])
    suits = winograd.suits(dtype, window, channels, rows, places)
    held = columns.columns(window, x_shape, places, groups, rows, dtype.itemsize, suits)
    if held is not None:
        return Map(shape, None, lambda: [columns.Forward(held)])
    patches = None
    if suits:
        patches = winograd.Patches(
            images, groups, channels, rows, x_shape[2:], places, window.before, turned=False
        )
    return Map(
        shape,
        patches,
        lambda: [plan(forward_work(ELEMENTS[dtype], x_shape, w_shape, window, groups))],
    )


def forward_work(
    element: str, x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window, groups: int
) -> Pass:
    """The one pass of a convolution."""
    slid, sizes = flattened(window, x_shape[2:])
    count = three(slid.places(sizes), 1)
    taps = taps_of(three(slid.size, 1), three(slid.dilation, 1))
    return Pass(
        element=element, sizes=three(sizes, 1), stride=three(slid.stride, 1),
        before=three(slid.before, 0), taps=taps, which=range(len(taps)), every=len(taps),
        turned=False, places=count, result=count, step=(1, 1, 1), begin=(0, 0, 0),
        groups=groups, channels=w_shape[1], rows=w_shape[0] // groups, images=x_shape[0],
    )  # fmt: skip


def forward(x: Any, w: Any, bias: Any, window: Window, groups: int) -> Any:
    """Sums of products of a weight (O, C / groups, sizes) with the windows of x (N, C, sizes),
    plus a bias (O)."""
    if not usable(x, w, bias):
        y = _by_tiles("forward", (x, w, bias), window, groups, window.places(x.shape[2:]))
        if y is not None:
            return y
        return _of_half(forward, (x, w, bias), window, groups)
    found = forward_plan(x.dtype, x.shape, w.shape, window, groups)
    if found is None:
        return NotImplemented
    y = memory.empty(found.shape, x.dtype)
    found.run(in_order(x), in_order(w), None if bias is None else in_order(bias), y)
    return y


@lru_cache(1024)
def transposed_plan(
    dtype: Any,
    y_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    groups: int,
    sizes: tuple[int, ...],
) -> Map | None:
    """None where the image would be empty."""
    if min(sizes) < 1:
        return None
    images, channels, rows = y_shape[0], w_shape[0] // groups, w_shape[1]
    shape, places = (images, rows * groups, *sizes), y_shape[2:]
    if columns.is_flat(window, places, channels, rows, turned=True):
        return Map(shape, None, lambda: [columns.Flat(groups, turned=True)], pads=False)
    suits = winograd.suits(dtype, window, channels, rows, sizes)
    held = columns.columns(window, shape, places, groups, channels, dtype.itemsize, suits)
    if held is not None:
        return Map(shape, None, lambda: [columns.Transposed(held)], pads=False)
    patches = None
    if suits:
        patches = winograd.Patches(
            images, groups, channels, rows, y_shape[2:], sizes,
            tuple(2 - b for b in window.before), turned=True,
        )  # fmt: skip
    return Map(
        shape,
        patches,
        lambda: [
            plan(work)
            for work in transposed_works(ELEMENTS[dtype], y_shape, rows, window, groups, sizes)
        ],
    )


def transposed_works(
    element: str,
    y_shape: tuple[int, ...],
    rows: int,
    window: Window,
    groups: int,
    sizes: tuple[int, ...],
) -> list[Pass]:
    """The elements of the image with equal remainders modulo the stride see the same taps: a
    pass each."""
    slid, sizes = flattened(window, sizes)
    size, stride, dilation, before, _ = (three(v, i < 3) for i, v in enumerate(slid))
    image, places = three(sizes, 1), three(flattened(window, y_shape[2:])[1], 1)
    every = taps_of(size, dilation)
    passes = []
    for remains in itertools.product(*map(range, stride)):
        begin = tuple((a - b) % s for a, b, s in zip(remains, before, stride))
        count = tuple(-((b - n) // s) for n, b, s in zip(image, begin, stride))
        if min(count) < 1:
            continue
        which = [
            k for k, tap in enumerate(every)
            if all(t % s == a for t, s, a in zip(tap, stride, remains))
        ]  # fmt: skip
        back = [tuple(t // s for t, s in zip(every[k], stride)) for k in which]
        most = tuple(max((b[i] for b in back), default=0) for i in range(3))
        taps = [tuple(m - b for m, b in zip(most, tap)) for tap in back]
        first = [(b + p) // s for b, p, s in zip(begin, before, stride)]
        work = Pass(
            element=element, sizes=places, stride=(1, 1, 1),
            before=tuple(m - f for m, f in zip(most, first)), taps=taps, which=which,
            every=len(every), turned=True, places=count, result=image, step=stride, begin=begin,
            groups=groups, channels=y_shape[1] // groups, rows=rows, images=y_shape[0],
        )  # fmt: skip
        passes.append(work)
    return passes


def transposed(y: Any, w: Any, bias: Any, window: Window, groups: int, sizes: Any) -> Any:
    """From the result's side (N, O, places) back to the image's (N, C, sizes), with w as in
    `forward`; NotImplemented also for a weight that is not finite, which zeros around y would spread."""
    if not usable(y, w, bias):
        x = _by_tiles("transposed", (y, w, bias), window, groups, sizes)
        if x is not None:
            return x
        return _of_half(transposed, (y, w, bias), window, groups, sizes)
    found = transposed_plan(y.dtype, y.shape, w.shape, window, groups, tuple(sizes))
    if found is None:
        return NotImplemented
    x = memory.empty(found.shape, y.dtype)
    given = in_order(y), in_order(w), None if bias is None else in_order(bias), x
    if found.run_patches(*given):
        return x
    w = given[1]
    if found.pads and not window.is_point and not math.isfinite(np.vdot(w, w)):
        return NotImplemented
    found.run_passes(*given)
    return x


CHANNELS_PAY = 12
"""Channels of a group that are worth a vector, if it has 16 lanes."""


@lru_cache(1024)
def weight_plan(
    dtype: Any,
    y_shape: tuple[int, ...],
    x_shape: tuple[int, ...],
    window: Window,
    groups: int,
    shape: tuple[int, ...],
) -> Map:
    images, channels, rows = x_shape[0], shape[1], shape[0] // groups
    places = y_shape[2:]
    suits = winograd.suits(dtype, window, channels, rows, places)
    held = columns.columns(
        window, x_shape, places, groups, rows, dtype.itemsize, suits, weight=True
    )
    if held is not None:
        return Map(shape, None, lambda: [columns.Weight(held)])
    patches = None
    if suits:
        patches = winograd.WeightPatches(
            images, groups, channels, rows, x_shape[2:], y_shape[2:], window.before
        )
    work = Work(ELEMENTS[dtype], images, groups, channels, rows, x_shape[2:], y_shape[2:], window)
    kind = WeightByChannel if channels >= CHANNELS_PAY else WeightByPixel
    return Map(shape, patches, lambda: [kind(work)])


@lru_cache(1024)
def _half_weight_plan(
    y_shape: tuple[int, ...], x_shape: tuple[int, ...], window: Window, groups: int,
    shape: tuple[int, ...],
) -> half_gradient.ByTile | None:  # fmt: skip
    sizes = x_shape[2:], y_shape[2:]
    work = Work("i16", x_shape[0], groups, shape[1], shape[0] // groups, *sizes, window)
    return half_gradient.ByTile(work) if half_gradient.suits(work) else None


def _weight_by_tiles(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """The gradient towards a weight of bfloat16 by tiles, or None."""
    if x.dtype.name != "bfloat16" or y.dtype is not x.dtype or not y.size or not x.size:
        return None
    if type(x) is not np.ndarray or type(y) is not np.ndarray or 0 in shape:
        return None
    found = _half_weight_plan(y.shape, x.shape, window, groups, shape)
    if found is None:
        return None
    w = memory.empty(shape, x.dtype)
    return w if found.run(in_order(y), in_order(x), w) else None


def weight(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """Sums of products of results (N, O, places) with the windows of x (N, C, sizes), in the
    weight's shape."""
    if not usable(y, x) or 0 in shape:
        w = _weight_by_tiles(y, x, window, groups, tuple(shape))
        return _of_half(weight, (y, x), window, groups, shape) if w is None else w
    found = weight_plan(x.dtype, y.shape, x.shape, window, groups, tuple(shape))
    w = memory.empty(found.shape, x.dtype)
    found.run(in_order(y), in_order(x), w)
    return w
