"""What a key of index arrays, masks and slices means for an array in the GPU's memory.

A plan is made from shapes alone, once for each: what indices hold stays on the GPU. The elements that a key names have the
result's shape. Along its dimensions x moves by a step for each dimension that the key takes whole, and each index array
by its own; behind an index lies the step of the dimension that it is for.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....formula.dimensions import broadcast_shapes
from ...gather.plan import Along, Unsigned
from .. import driver
from ..array.compress import places, unravelled
from ..array.copy import contiguous, converted, overlaps
from ..array.layout import LIMIT, Layout, facts, layout, row_major
from .lookup import Indices

_FULL = slice(None)
Facts = tuple[int, tuple[int, ...], int]
"""The `facts` of an array."""


class Plan(NamedTuple):
    """The plan of a key.

    Attributes:
        x: The `facts` of the array.
        shape: The result's shape.
        over: Which of the result's dimensions are those of indices: from, to.
        steps: What x moves by along the result's dimensions, in elements.
        indices: The `facts` of the index arrays along the dimensions of indices.
        sizes, jumps: The size and the step of x's dimension that each is for.
        places: The sizes of the dimensions in which indices name a place.
        signed: May indices be negative, and count from the end?
        dim: The dimension of a key along one, else None.
    """

    x: Facts
    shape: tuple[int, ...]
    over: tuple[int, int]
    steps: tuple[int, ...]
    indices: tuple[Facts, ...]
    sizes: tuple[int, ...]
    jumps: tuple[int, ...]
    places: tuple[int, ...]
    signed: bool
    dim: int | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def numbers(self) -> tuple[Any, ...]:
        """What kernels take of the indices behind the arrays: sizes and jumps."""
        return (*map(np.int64, self.sizes), *map(np.int64, self.jumps))

    @property
    def types(self) -> Indices:
        """What kernels know of the indices."""
        return Indices(tuple([f"i{8 * item}" for item, _, _ in self.indices]), self.signed)

    @property
    def index_shape(self) -> tuple[int, ...]:
        first, last = self.over
        return self.shape[first:last]

    @property
    def rest(self) -> tuple[int, ...]:
        """The shape of what is at each index."""
        first, last = self.over
        return self.shape[:first] + self.shape[last:]

    @property
    def rest_steps(self) -> tuple[int, ...]:
        first, last = self.over
        return self.steps[:first] + self.steps[last:]

    @property
    def over_indices(self) -> Plan:
        """The plan of the indices' own dimensions: of the first element at each."""
        first, last = self.over
        return self._replace(
            shape=self.index_shape, over=(0, last - first), steps=self.steps[first:last]
        )

    @property
    def claims(self) -> Plan:
        """The plan of an array that has a word for each place of the indices."""
        over, jumps = self.over_indices, row_major(self.places)
        steps = over.steps
        if self.dim is not None:
            steps = tuple([0 if i == self.dim else step for i, step in enumerate(jumps)])
            jumps = (jumps[self.dim],)
        return over._replace(x=(8, (), 0), steps=steps, jumps=jumps)

    @property
    def in_parts(self) -> Plan:
        """The plan where elements are pairs, along one more dimension."""
        item, steps, address = self.x
        return self._replace(
            x=(item // 2, steps, address),
            shape=(*self.shape, 2),
            steps=(*(2 * step for step in self.steps), 1),
            jumps=tuple([2 * jump for jump in self.jumps]),
        )

    def layout(self, *others: Facts, made: bool = False, claims: Plan | None = None) -> Layout:
        """The layout of the elements: the array in order that is made, or their number; x; others; the index arrays.
        Before those, where there are claims, the number of the indices' position and the claim's place."""
        item, _, address = self.x
        first = item if made else 1, row_major(self.shape), 0
        still = [self._along(index) for index in self.indices]
        if claims is not None:
            numbers = ((8, row_major(self.index_shape), 0), (8, claims.steps, 0))
            still[:0] = map(self._along, numbers)
        given = [first, (item, self.steps, address), *others, *still]
        return layout(
            self.shape, *given, jumps=self.jumps, wide=self.is_wide, still=len(still)
        )  # fmt: skip

    @property
    def is_wide(self) -> bool:
        """Are there places that an index of 32 bits does not reach?"""
        steps = [*zip(self.shape, self.steps), *zip(self.sizes, self.jumps)]
        return sum(n * abs(step) for n, step in steps) > LIMIT

    def _along(self, given: Facts) -> Facts:
        """The `facts` of an array of the indices' dimensions, along the result's."""
        item, steps, at = given
        first, last = self.over
        return item, (0,) * first + steps + (0,) * (len(self.shape) - last), at


class Use(NamedTuple):
    """A key that is used: its plan, the array behind its slices, and its index arrays."""

    plan: Plan
    x: Any
    indices: tuple[Any, ...]


def use_of(x: Any, key: tuple, writes: bool = False) -> Use:
    """A key's use on an array; of indices in the memory that it writes to, copies are used.

    Raises:
        IndexError: There are too many indices, or they do not broadcast.
        RuntimeError: Indices are on another device than the array, and not on the CPU.
    """
    _check_places(x, (key.index,) if key.__class__ is Along else key)  # type: ignore[attr-defined]
    if key.__class__ is Along:
        index = _index(key.index, x, writes)  # type: ignore[attr-defined]
        plan = _along(x.shape, facts(x), index.shape, facts(index), key.dim)  # type: ignore[attr-defined]
        return Use(plan, x, (index,))
    x, items = _opened(x, key, writes)
    if any(item.__class__ is slice and item != _FULL for item in items):
        x = x[tuple([item if item.__class__ is slice else _FULL for item in items])]
    arrays = tuple([item for item in items if item.__class__ is not slice])
    told = tuple([
        None if item.__class__ is slice else (item.shape, facts(item)) for item in items
    ])  # fmt: skip
    return Use(_by_arrays(x.shape, facts(x), told, not isinstance(key, Unsigned)), x, arrays)


@lru_cache(4096)
def _along(
    shape: tuple[int, ...], x: Facts, index_shape: tuple[int, ...], index: Facts, dim: int
) -> Plan:
    sizes = zip(index_shape, shape)
    if len(index_shape) != len(shape) or any(n > m for i, (n, m) in enumerate(sizes) if i != dim):
        raise IndexError(f"an index of shape {index_shape} does not fit an array of {shape}")
    steps = list(x[1])
    jump, steps[dim] = steps[dim], 0
    return Plan(
        x, index_shape, (0, len(shape)), tuple(steps), (_spread(index_shape, index, index_shape),),
        (shape[dim],), (jump,), shape, False, dim,
    )  # fmt: skip


@lru_cache(4096)
def _by_arrays(
    whole: tuple[int, ...], x: Facts, items: tuple[tuple[tuple[int, ...], Facts] | None, ...],
    signed: bool,
) -> Plan:  # fmt: skip
    """The plan of a key: of its items, the shape and the `facts` of an array, or None for a whole dimension."""
    if len(items) > len(whole):
        raise IndexError(f"too many indices for array of {len(whole)} dimensions")
    dims = [i for i, item in enumerate(items) if item is not None]
    arrays = [item for item in items if item is not None]
    try:
        common = broadcast_shapes(*(shape for shape, _ in arrays))
    except ValueError as error:
        raise IndexError(f"shape mismatch: indexing arrays: {error}") from error
    together = dims == list(range(dims[0], dims[0] + len(dims)))
    first = dims[0] if together else 0  # arrays that are apart put their dimensions in front
    kept = [i for i in range(len(whole)) if i not in dims]
    shape, steps = [whole[i] for i in kept], [x[1][i] for i in kept]
    shape[first:first], steps[first:first] = common, (0,) * len(common)
    sizes, jumps = (tuple([of[i] for i in dims]) for of in (whole, x[1]))
    return Plan(
        x, tuple(shape), (first, first + len(common)), tuple(steps),
        tuple([_spread(*array, common) for array in arrays]), sizes, jumps, sizes, signed,
    )  # fmt: skip


def _spread(shape: tuple[int, ...], given: Facts, common: tuple[int, ...]) -> Facts:
    """The `facts` of an array that is broadcast."""
    item, steps, at = given
    steps = tuple([0 if n == 1 else step for n, step in zip(shape, steps)])
    return item, (0,) * (len(common) - len(steps)) + steps, at


def _check_places(x: Any, items: tuple) -> None:
    """Raises RuntimeError where indices are on another GPU than an array, or the array is on none."""
    cls = x.__class__
    if cls is not np.ndarray:
        own = x.data.device_id
        if all(item.__class__ is not cls or item.data.device_id == own for item in items):
            return
    where = "cpu" if cls is np.ndarray else f"cuda:{own}"
    raise RuntimeError(
        f"indices should be either on cpu or on the same device as the indexed tensor ({where}): move them with "
        f".to({where!r})"
    )


def _opened(x: Any, key: tuple, writes: bool) -> tuple[Any, list[Any]]:
    """A key's items: each index array on the GPU, a mask as one for each of its dimensions.

    A mask without dimensions takes all or nothing: x has a dimension of size 1 in its place.
    """
    items: list[Any] = []
    for item in key:
        if item.__class__ is slice:
            items.append(item)
        elif item.dtype.kind != "b":
            items.append(_index(item, x, writes))
        elif item.ndim:
            items += coordinates(item)
        else:
            x = x[(*(_FULL,) * len(items), None)]
            items.append(driver.cupy().zeros((int(item),), np.int64))
    return x, items


def coordinates(mask: Any) -> list[Any]:
    """Where a mask is true: a vector for each of its dimensions."""
    xp = driver.cupy()
    found = places(xp.asarray(mask))
    return [found] if mask.ndim == 1 else unravelled(found, mask.shape)


def _index(index: Any, x: Any, writes: bool) -> Any:
    """An index array as kernels read it: of int64 or int32, on the GPU, and not in memory that is written."""
    found = driver.cupy().asarray(index)
    if found.dtype not in (np.int64, np.int32):
        return converted(found, np.int64)
    apart = not writes or not found.size or not x.size or not overlaps(x, found)
    return found if apart else contiguous(found)


__all__ = ["Plan", "Use", "coordinates", "use_of"]
