"""Convolutions with windows of 3 by 3 by fewer multiplications (Winograd's F(2x2, 3x3)).

A patch of 2 by 2 results is 16 products of transformed values where the sum over the window takes 36.
The transforms add, subtract and halve; sums of small whole numbers stay exact. What is not
finite would spread within a patch: such a result is computed again over the window itself.

Source: Lavin and Gray, Fast algorithms for convolutional neural networks, 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from . import memory, winograd_map, winograd_tile, winograd_weight
from .process import machine

ROOM = 1 << 19
"""Bytes of transformed patches that lie side by side: they should stay in a core's second cache."""
LEAST, MOST = 48, 256
"""Patches that are multiplied at once, about."""
PIECES = 4
"""Pieces that small batches are cut into, so that threads have something to share."""
SHARES, SHARE = 8, 96
"""Sums towards a weight are taken in so many ranges of patches at most, of so many at least."""
SUMS = 1 << 21
"""Elements of all these sums together, about."""
SLICE, SLIM = 128, 32
"""Results that share the transformed image: at most, and at least if others wait for work."""


def suits(dtype: Any, window: Any, channels: int, rows: int, places: Sequence[int]) -> bool:
    """Is it such a window, and are there enough channels to pay for the transforms?"""
    size, stride, dilation, _, _ = window
    return (
        size == (3, 3)
        and stride == dilation == (1, 1)
        and dtype == np.float32
        and min(channels, rows) >= 16
        and min(channels, rows) * places[1] >= 256
        and places[0] * places[1] >= 16
    )


@lru_cache(1024)
def _plan(
    images: int, groups: int, channels: int, rows: int, sizes: Any, places: Any, before: Any
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """The numbers of the kernel, after its rows; and how many panels of results there are."""
    lanes = machine().bits // 32
    deep, across = -(-places[0] // 2), -(-places[1] // 2)
    lines = images * deep
    most = min(MOST, max(LEAST, ROOM // (64 * channels)))
    pieces = max(-(-lines * across // most), min(PIECES, lines * across // LEAST), 1)
    pieces += pieces & (pieces > 1)  # an even number: two threads are common
    block = max(1, -(-lines // pieces))
    pitch = (
        -(-(block * across + lanes - 1) // lanes) | 1
    ) * lanes  # a row of patches is whole vectors
    panels = -(-rows // lanes)
    items = -(-lines // block) * groups
    work = lines * across * 16 * channels * rows * groups // lanes
    head = items, 1, work, 0
    facts = (
        groups, channels, *sizes, *before, rows, *places, deep, across, lines, block, pitch, panels,
    )  # fmt: skip
    return head, facts, panels


def convolved(x: Any, w: Any, bias: Any, before: Any, groups: int, y: Any) -> bool:
    """Write a convolution with a weight (O, C / groups, 3, 3) into y; False if not all of it is finite."""
    rows, channels = w.shape[0] // groups, w.shape[1]
    return _run(x, w, bias, before, groups, y, (rows, channels, channels * 9, 9, 0, 1))


def returned(g: Any, w: Any, bias: Any, before: Any, groups: int, x: Any) -> bool:
    """Write the transpose of a convolution into x: one with turned windows."""
    channels, rows = w.shape[0] // groups, w.shape[1]
    before = tuple(2 - b for b in before)
    return _run(g, w, bias, before, groups, x, (rows, channels, 9, rows * 9, 8, -1))


def _run(
    x: Any, w: Any, bias: Any, before: Any, groups: int, y: Any, facts: tuple[int, ...]
) -> bool:
    rows, channels = facts[:2]
    bits = machine().bits
    head, numbers, panels = _plan(
        x.shape[0], groups, channels, rows, x.shape[2:], y.shape[2:], before
    )
    u = memory.empty((groups, panels, 16, channels, bits // 32), memory.FLOAT32)
    winograd_map.weights(bits)(
        w, u, groups * panels * channels, 1, u.size, 0, groups, panels, *facts
    )
    begun = bias is not None
    wrong = winograd_map.convolution(bits)(x, u, bias if begun else u, y, *head, *numbers, begun)
    return not wrong


@lru_cache(1024)
def _weight_plan(
    images: int, groups: int, channels: int, rows: int, sizes: Any, places: Any, before: Any
) -> tuple[Any, ...]:
    """The shape of the sums, and the numbers of both kernels with their rows."""
    bits = machine().bits
    lanes, height = bits // 32, winograd_tile.rows_of(bits)
    deep, across = -(-places[0] // 2), -(-places[1] // 2)
    lines = images * deep
    wide, high = -(-channels // lanes) * lanes, -(-rows // height) * height
    shares = min(SHARES, lines * across // SHARE, SUMS // (16 * wide * high * groups))
    shares = max(1, shares)
    share = -(-lines // shares)
    shares = -(-lines // share)
    slices = max(-(-rows // SLICE), min(rows // SLIM, -(-PIECES // (shares * groups))))
    part = -(-high // height // slices) * height
    slices = -(-high // part)
    most = min(MOST, max(LEAST, ROOM // (64 * max(wide, part))))
    block = -(-deep // -(-deep * across // most))
    pitch = (-(-(block * across + lanes - 1) // lanes) | 1) * lanes
    work = lines * across * 16 * channels * rows * groups // lanes
    head = shares * groups * slices, 1, work, 0
    facts = (
        groups, channels, *sizes, *before, rows, *places, deep, across, lines, share, block, pitch,
        slices, part, wide, high,
    )  # fmt: skip
    shape = shares, groups, 16, high, wide
    end = groups * rows, 1, shares * 16 * high * wide * groups, 0
    return shape, (*head, *facts), (*end, groups, channels, rows, wide, high, shares)


def weight(g: Any, x: Any, before: Any, groups: int, w: Any) -> bool:
    """Write the gradient towards the weight into w; False if not all of it is finite."""
    rows, channels = w.shape[0] // groups, w.shape[1]
    bits = machine().bits
    shape, numbers, end = _weight_plan(
        x.shape[0], groups, channels, rows, x.shape[2:], g.shape[2:], before
    )
    sums = memory.empty(shape, memory.FLOAT32)
    winograd_weight.sums(bits)(x, g, sums, *numbers)
    return not winograd_weight.total(bits)(sums, w, *end)
