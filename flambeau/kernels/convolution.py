"""Convolution over one to three dimensions, its transpose and its gradient towards the weight, of
arrays.

Each takes a window, five tuples with one number a spatial dimension (size, stride, dilation,
padding before and after), and gives NotImplemented for arrays that it is not made for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import convolution_sum, convolution_weight, memory, winograd
from .code import BITS
from .convolution_plan import ITEMS, ROOM, Pass, Three, plan, rows_together, three
from .process import machine
from .product import ELEMENTS
from .slab import Slab, slab
from .tile import Shape

Window = Sequence[Sequence[int]]


def counts(window: Window, sizes: Sequence[int]) -> tuple[int, ...]:
    """How many places the window takes."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1 for n, k, s, d, low, high in zip(sizes, *window)
    )


_counts = lru_cache(1024)(counts)


def is_point(window: Window) -> bool:
    """Does the window see each element once, alone?"""
    size, stride, _, before, after = window
    return set(size) | set(stride) == {1} and not any((*before, *after))


def taps_of(size: Three, dilation: Three) -> list[Three]:
    return [
        tuple(i * d for i, d in zip(at, dilation)) for at in itertools.product(*map(range, size))
    ]


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


def ordered(x: Any) -> Any:
    """The array, or a copy that lies in order; None is None."""
    if x is None:
        return None
    plain = x.flags.c_contiguous and x.flags.aligned
    return x if plain else np.array(x, order="C", subok=False)


@lru_cache(1024)
def _forward_plan(
    element: str, x_shape: tuple[int, ...], rows: int, window: Window, groups: int
) -> Any:
    size, stride, dilation, before, _ = window
    sizes, places = x_shape[2:], counts(window, x_shape[2:])
    if is_point(window):
        sizes = places = (math.prod(sizes),)
        size = stride = dilation = (1,)
        before = (0,)
    taps = taps_of(three(size, 1), three(dilation, 1))
    places = three(places, 1)
    work = Pass(
        element, three(sizes, 1), three(stride, 1), three(before, 0), taps, range(len(taps)), places,
        places, (1, 1, 1), (0, 0, 0), groups, x_shape[1] // groups, rows // groups, x_shape[0],
    )  # fmt: skip
    return plan(work)


def forward(x: Any, w: Any, bias: Any, window: Window, groups: int) -> Any:
    """Sums of products of a weight (O, C / groups, sizes) with the windows of x (N, C, sizes),
    plus a bias (O)."""
    places = _counts(window, x.shape[2:])
    if not usable(x, w, bias) or min(places) < 1:
        return NotImplemented
    y = memory.empty((x.shape[0], w.shape[0], *places), x.dtype)
    return convolved(ordered(x), w, bias, window, groups, y)


def convolved(x: Any, w: Any, bias: Any, window: Window, groups: int, y: Any) -> Any:
    """Write a convolution into y."""
    if winograd.suits(x.dtype, window, w.shape[1], w.shape[0] // groups, y.shape[2:]) and (
        winograd.convolved(x, ordered(w), ordered(bias), window[3], groups, y)
    ):
        return y
    found = _forward_plan(ELEMENTS[x.dtype], x.shape, w.shape[0], window, groups)
    flat = y.reshape(*y.shape[:2], -1) if is_point(window) else y
    found.run(x, ordered(w), ordered(bias), flat, False)
    return y


@lru_cache(1024)
def _transposed_plan(
    element: str, y_shape: tuple[int, ...], channels: int, window: Window, groups: int, sizes: Any
) -> tuple[Any, ...]:
    """The elements of the image with equal remainders modulo the stride see the same taps: a
    pass each."""
    size, stride, dilation, before, _ = (three(v, i < 3) for i, v in enumerate(window))
    image, places = three(sizes, 1), three(y_shape[2:], 1)
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
        pads = tuple(m - f for m, f in zip(most, first))
        work = Pass(
            element, places, (1, 1, 1), pads, taps, which, count, image, stride, begin, groups,
            y_shape[1] // groups, channels // groups, y_shape[0],
        )  # fmt: skip
        passes.append(plan(work))
    return tuple(passes)


def transposed(y: Any, w: Any, bias: Any, window: Window, groups: int, sizes: Any) -> Any:
    """From the result's side (N, O, places) back to the image's (N, C, sizes), with w as in
    `forward`."""
    if not usable(y, w, bias) or min(sizes) < 1:
        return NotImplemented
    y = ordered(y)
    x = memory.empty((y.shape[0], w.shape[1] * groups, *sizes), y.dtype)
    return returned(y, w, bias, window, groups, x)


def returned(y: Any, w: Any, bias: Any, window: Window, groups: int, x: Any) -> Any:
    """Write the transpose of a convolution into x."""
    if winograd.suits(y.dtype, window, w.shape[0] // groups, w.shape[1], x.shape[2:]) and (
        winograd.returned(y, ordered(w), ordered(bias), window[3], groups, x)
    ):
        return x
    element, sizes = ELEMENTS[y.dtype], x.shape[2:]
    if is_point(window):
        n = math.prod(sizes)
        y, sizes, flat = y.reshape(*y.shape[:2], n), (n,), x.reshape(*x.shape[:2], n)
        window = ((1,), (1,), (1,), (0,), (0,))
    else:
        flat = x
    w, bias = ordered(w), ordered(bias)
    sizes = tuple(sizes)
    for found in _transposed_plan(element, y.shape, w.shape[1] * groups, window, groups, sizes):
        found.run(y, w, bias, flat, True)
    return x


LANES_PAY = 12
"""Channels of a group that are worth a vector, if it has 16 lanes."""


def weight_by_channels(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """The gradient towards the weight with channels in the lanes of vectors."""
    element = ELEMENTS[x.dtype]
    facts, head, numbers, offsets, end = _sum_plan(element, x.shape, y.shape, window, groups)
    sums, w = memory.empty(facts, x.dtype), memory.empty(shape, x.dtype)
    bits = machine().bits
    convolution_sum.sums(element, bits)(x, y, sums, offsets, *head, *numbers)
    convolution_sum.total(element, bits // BITS[element])(sums, w, *end)
    return w


@lru_cache(1024)
def _sum_plan(
    element: str, x_shape: tuple[int, ...], y_shape: tuple[int, ...], window: Window, groups: int
) -> tuple[Any, ...]:
    """The shape of the sums, and what both kernels are told."""
    size, stride, dilation, before, _ = window
    lanes, height = machine().bits // BITS[element], convolution_sum.rows_of(machine().bits)
    images, channels, rows = x_shape[0], x_shape[1] // groups, y_shape[1] // groups
    sizes, places, stride = three(x_shape[2:], 1), three(y_shape[2:], 1), three(stride, 1)
    taps = taps_of(three(size, 1), three(dilation, 1))
    wide, high = -(-channels // lanes) * lanes, -(-rows // height) * height
    extents = [(u - 1) * s + 1 + t for u, s, t in zip(places, stride, taps[-1])]
    line = extents[1] * extents[2] * wide * stride[0] * BITS[element] // 8
    chunk = max(1, min(ROOM // line, places[0]))
    chunks = -(-places[0] // chunk)
    chunk = -(-places[0] // chunks)
    extents[0] = (chunk - 1) * stride[0] + 1 + taps[-1][0]
    parts = images * chunks
    area = math.prod(places)
    shares = min(SHARES, parts, images * area // SHARE, SUMS // (len(taps) * wide * high * groups))
    shares = max(1, shares)
    share = -(-parts // shares)
    shares = -(-parts // share)
    slices = max(1, min(rows // SLIM, -(-WANTED // (shares * groups))))
    part = -(-high // height // slices) * height
    slices = -(-high // part)
    offsets = np.array([(a * extents[1] + b) * extents[2] + c for a, b, c in taps], np.int64)
    lines = max(1, convolution_sum.STRETCH // places[2])
    work = images * groups * area * len(taps) * rows * channels // lanes
    head = shares * groups * slices, 1, work, 0
    numbers = (
        groups, channels, wide, rows, high, *sizes, *three(before, 0), *extents, *places, *stride,
        len(taps), chunk, chunks, share, parts, part, slices, lines,
    )  # fmt: skip
    found = shares, groups, len(taps), high, wide
    end = (
        groups * rows, 1, math.prod(found), 0,
        groups, channels, rows, wide, high, len(taps), shares,
    )  # fmt: skip
    return found, head, numbers, offsets, end


SHARES, SHARE = 8, 96
"""Sums towards a weight are taken in so many ranges of places at most, of so many at least."""
SUMS = 1 << 21
"""Elements of all these sums together, about."""
SLIM, WANTED = 32, 4
"""Results that share a slab, at least, if fewer rows of the job than are wanted would be left."""


class WeightPlan(NamedTuple):
    """How the gradient towards a weight is computed."""

    shape: Shape
    slab: Slab
    places: Three
    chunk: int
    flat: Any
    offsets: Any
    masks: Any
    panels: int


@lru_cache(1024)
def _weight_plan(
    element: str, x_shape: tuple[int, ...], rows: int, window: Window, groups: int
) -> WeightPlan:
    size, stride, dilation, before, _ = window
    sizes, places = x_shape[2:], counts(window, x_shape[2:])
    if is_point(window):
        sizes = places = (math.prod(sizes),)
        size = stride = dilation = (1,)
        before = (0,)
    taps = taps_of(three(size, 1), three(dilation, 1))
    places = three(places, 1)
    channels = x_shape[1] // groups
    facts = three(sizes, 1), three(stride, 1), three(before, 0), taps
    whole = slab(*facts, places)
    line = (channels * len(whole.planes) + rows // groups) * whole.extents[1] * whole.extents[2]
    chunk = rows_together(places, line * (4 if element == "float" else 8), ITEMS)
    part = slab(*facts, (chunk, *places[1:]))
    step = len(part.planes) * part.plane
    offsets = (np.arange(channels, dtype=np.int64)[:, None] * step + part.offsets).reshape(-1)
    shape = convolution_weight.form(element, machine().bits, rows // groups, offsets.size)
    panels = -(-offsets.size // shape.vectors)
    offsets = np.pad(offsets, (0, panels * shape.vectors - offsets.size), mode="edge")
    seen = np.zeros((chunk, *part.extents[1:]), bool)
    seen[:, : places[1], : places[2]] = True
    seen = np.pad(seen.reshape(-1), (0, -seen.size % shape.lanes)).reshape(-1, shape.lanes)
    masks = (seen * (1 << np.arange(shape.lanes))).sum(1).astype(np.int32)
    flat = np.array([(0, 0, 0, 0, places[0], 0, places[1], 0, places[2])], np.int64)
    return WeightPlan(shape, part, places, chunk, flat, offsets, masks, panels)


def weight(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """Sums of products of results (N, O, places) with the windows of x (N, C, sizes), in the
    weight's shape."""
    if not usable(y, x) or 0 in shape:
        return NotImplemented
    x, y = ordered(x), ordered(y)
    if winograd.suits(x.dtype, window, shape[1], shape[0] // groups, y.shape[2:]):
        w = memory.empty(shape, x.dtype)
        if winograd.weight(y, x, window[3], groups, w):
            return w
    if shape[1] >= LANES_PAY:
        return weight_by_channels(y, x, window, groups, shape)
    plan = _weight_plan(ELEMENTS[x.dtype], x.shape, y.shape[1], window, groups)
    form, part = plan.shape, plan.slab
    n, rows, channels = x.shape[0], y.shape[1] // groups, x.shape[1] // groups
    inner = channels * len(part.offsets)
    blocks = -(-rows // form.rows)
    share = -(-n // min(n, max(1, ITEMS // groups)))
    shares = -(-n // share)
    parts = np.zeros(
        (shares, groups, plan.panels, blocks, convolution_weight.sums_of(form)), x.dtype
    )
    work = n * y.shape[1] * inner * math.prod(plan.places) // form.lanes
    given = [
        x, y, parts, part.planes, plan.flat, plan.offsets, plan.masks, shares * groups, 1, work, 0,
        n, share, groups, channels, len(part.planes), *part.sizes, *part.stride, *part.extents,
        inner, plan.panels, rows, *plan.places, plan.chunk,
        channels * len(part.planes) * part.plane, plan.masks.size * form.lanes,
    ]  # fmt: skip
    convolution_weight.products_of(form, False)(*given)
    total = parts.sum(0)
    if np.isnan(total).any():
        parts.fill(0)
        convolution_weight.products_of(form, True)(*given)
        total = parts.sum(0)
    total = total[..., : form.rows * form.vectors]
    total = total.reshape(groups, plan.panels, blocks, form.rows, form.vectors)
    total = total.transpose(0, 2, 3, 1, 4)
    total = total.reshape(groups, blocks * form.rows, plan.panels * form.vectors)
    return np.ascontiguousarray(total[:, :rows, :inner]).reshape(shape)
