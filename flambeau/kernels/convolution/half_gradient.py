"""A bfloat16 convolution's gradient towards its weight by tiles: what `half_gradient_kernel` is given."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any

import numpy as np

from ..array.copy import copy_into
from ..matmul import amx, half
from ..matmul.half_kernel import LANES, STEP
from ..runtime import memory
from ..runtime.entry import Job
from . import half_gradient_kernel as kernel
from .half import ITEMS, LEAST_ROWS
from .plan import taps_of, three
from .weight_plan import Work
from .window import flattened

PLACES = 4096
"""Places whose products are summed before they join the others."""
SHORT = np.dtype(np.uint16)


def suits(work: Work) -> bool:
    """Can tiles compute it, and would they not be mostly empty?"""
    return (
        amx.available() and work.rows >= LEAST_ROWS and work.channels > 1
        and min(work.window.before) >= 0
    )  # fmt: skip


class ByTile:
    """The gradient of some shapes.

    Images are laid out with their padding, for each phase of the stride those places that it meets; the results lie in
    planes of the same extents, so that a tap is the same number of places everywhere. What is between them is zero.

    Attributes:
        extents: Sizes of these planes.
        length: Places of the results from the first to the last, in whole blocks; room: places laid out.
    """

    def __init__(self, work: Work):
        self.work = work
        window, sizes = flattened(work.window, work.sizes)
        self.sizes, self.places = three(sizes, 1), three(window.places(sizes), 1)
        self.stride, self.before = three(window.stride, 1), three(window.before, 0)
        self.taps = taps_of(three(window.size, 1), three(window.dilation, 1))
        far = [max(tap[i] // self.stride[i] for tap in self.taps) for i in range(3)]
        self.extents = tuple(n + more for n, more in zip(self.places, far))
        last = self._flat(tuple(n - 1 for n in self.places))
        self.length = -(-(last + 1) // STEP) * STEP
        self.room = self.length + -(-(self._flat(tuple(far)) + 2) // STEP) * STEP

    def _flat(self, place: tuple[int, ...]) -> int:
        return (place[0] * self.extents[1] + place[1]) * self.extents[2] + place[2]

    def run(self, y: Any, x: Any, w: Any) -> bool:
        """Compute it of arrays in order; False where something is not finite, which zeros beside it would spread."""
        left = memory.empty((self.left.size,), half.BYTE)
        right = memory.empty((len(self.phases) * self.apart,), half.BYTE)
        made = self._laid_out(y)
        copy_into(self._inside(made, (0, 0, 0), self.places), self._three(y, self.places))
        if self._pack(self.left, made, left):
            return False
        x = self._three(x, self.sizes)
        for number, (begin, source, count) in enumerate(self.phases.values()):
            made = self._laid_out(x)
            steps = zip(source, count, self.stride)
            chosen = x[(..., *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in steps))]
            copy_into(self._inside(made, begin, count), chosen)
            for parity, how in enumerate(self.right):
                place = number * self.apart + parity * self.right[0].size
                if self._pack(how, made[..., parity:], right[place:]):
                    return False
        facts, told = self.told
        kernel.weight()(left, right, w, facts, *told)
        return True

    @staticmethod
    def _pack(how: half.Packing, made: Any, target: Any) -> int:
        return how.function(made, target, how.begin, *how.told)

    def _three(self, array: Any, sizes: tuple[int, ...]) -> Any:
        return array.reshape(*array.shape[:2], *sizes)

    def _laid_out(self, array: Any) -> Any:
        """Zeros in the place of each of an array's images."""
        made = memory.empty((*array.shape[:2], self.room), SHORT)
        made.fill(0)
        return made.view(array.dtype)

    def _inside(self, made: Any, begin: tuple[int, ...], count: tuple[int, ...]) -> Any:
        """Some places of the planes."""
        item, (_, height, width) = made.itemsize, self.extents
        strides = (*made.strides[:2], height * width * item, width * item, item)
        first = made[..., self._flat(begin) :]
        shape = (*made.shape[:2], *count)
        return np.lib.stride_tricks.as_strided(first, shape, strides)

    @cached_property
    def phases(self) -> dict[tuple[int, ...], tuple[tuple[int, ...], ...]]:
        """For each phase that a tap has: where in the planes its images begin, with which of the image's places, and how
        many there are."""
        found: dict[tuple[int, ...], tuple[tuple[int, ...], ...]] = {}
        for phase in itertools.product(*map(range, self.stride)):
            if any(self._phase(tap) == phase for tap in self.taps):
                begin: list[int] = []
                source: list[int] = []
                count: list[int] = []
                for i, (p, b, s) in enumerate(zip(phase, self.before, self.stride)):
                    first = max(0, -((p - b) // s))
                    begin.append(first)
                    source.append(first * s + p - b)
                    there = -(-(self.sizes[i] - source[-1]) // s)
                    count.append(max(0, min(self.extents[i] - first, there)))
                found[phase] = tuple(begin), tuple(source), tuple(count)
        return found

    def _phase(self, tap: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(t % s for t, s in zip(tap, self.stride))

    @cached_property
    def left(self) -> half.Packing:
        return self._packing(self.work.rows, self.length, True)

    @cached_property
    def right(self) -> list[half.Packing]:
        """Of places that begin with the first, and with the second."""
        return [self._packing(self.work.channels, self.room - parity, False) for parity in range(2)]

    def _packing(self, rows: int, inner: int, is_left: bool) -> half.Packing:
        items, item = self.work.images * self.work.groups, half.ITEM
        strides = (rows * self.room * item, self.room * item, item)
        operand = half.operand((items,), (items, rows, inner), strides)
        return half.packed("bfloat16", operand, is_left, 2, watches=True)[0]

    @cached_property
    def apart(self) -> int:
        """Bytes of a phase's panels."""
        return sum(how.size for how in self.right)

    @cached_property
    def told(self) -> tuple[Any, tuple[int, ...]]:
        """What the kernel is given and told."""
        work, taps = self.work, len(self.taps)
        order = list(self.phases)
        begins = []
        for tap in self.taps:
            away = self._flat(tuple(t // s for t, s in zip(tap, self.stride)))
            phase = order.index(self._phase(tap)) * self.apart
            begins.append(phase + away % 2 * self.right[0].size + away // 2 * amx.BYTES)
        down, across = (-(-n // kernel.PAIR) for n in (work.rows, work.channels))
        pairs = work.groups * down * across
        block = -(-taps // min(taps, max(1, ITEMS // pairs)))
        blocks = -(-taps // block)
        items = work.images * work.groups
        left_item, right_item = self.left.size // items, self.right[0].size // items
        steps = self.length // STEP
        total = pairs * taps * work.images * steps * kernel.PAIR**2 * STEP
        job = Job(rows=pairs * blocks, length=1, weight=total // 256, divisible=False)
        numbers = kernel.Numbers(
            images=work.images, groups=work.groups, rows=work.rows, channels=work.channels,
            down=down, across=across, taps=taps, block=block, blocks=blocks,
            chunk=max(1, PLACES // self.length), steps=steps, left_panel=left_item // (2 * down),
            left_item=left_item, right_panel=right_item // (2 * across), right_item=right_item,
        )  # fmt: skip
        facts = np.concatenate([amx.configuration(LANES), np.array(begins, np.int64)])
        return facts, tuple(map(int, (*job, *numbers)))
