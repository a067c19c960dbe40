"""What a key of index arrays, masks and slices means for an array in the GPU's memory.

A plan is made from shapes alone: what indices hold stays on the GPU. The elements that a key names have the result's
shape. Along its dimensions x moves by a step for each dimension that the key takes whole, and each index array by its own;
behind an index lies the step of the dimension that it is for.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ....formula.dimensions import broadcast_shapes
from ...gather.plan import Along, Unsigned
from .. import driver
from ..array.compress import places
from ..array.layout import LIMIT, Layout, broadcast, facts, layout
from .lookup import Indices

_FULL = slice(None)


class Plan(NamedTuple):
    """The plan of one use of a key.

    Attributes:
        x: The array, behind the key's slices.
        shape: The result's shape.
        over: Which of the result's dimensions are those of indices: from, to.
        steps: What x moves by along the result's dimensions, in elements.
        indices: The index arrays.
        sizes, jumps: The size and the step of x's dimension that each is for.
        signed: May indices be negative, and count from the end?
    """

    x: Any
    shape: tuple[int, ...]
    over: tuple[int, int]
    steps: tuple[int, ...]
    indices: tuple[Any, ...]
    sizes: tuple[int, ...]
    jumps: tuple[int, ...]
    signed: bool

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def lookup(self) -> tuple[Any, ...]:
        """What kernels take of the indices: arrays, sizes, jumps."""
        return (*self.indices, *map(np.int64, self.sizes), *map(np.int64, self.jumps))

    @property
    def types(self) -> Indices:
        """What kernels know of the indices."""
        return Indices(tuple([f"i{8 * index.itemsize}" for index in self.indices]), self.signed)

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

    def layout(self, *others: Any, made: Any = None, claims: Plan | None = None) -> Layout:
        """The layout of the elements: the array that is made, or their number; x; others, which are broadcast; the
        index arrays. Before those, where there are claims, the number of the indices' position and the claim's place."""
        first = (1, row_major(self.shape), 0) if made is None else facts(made)
        own = (self.x.itemsize, self.steps, self.x.data.ptr & 15)
        still = [self._along(broadcast(i, self.index_shape)) for i in self.indices]
        if claims is not None:
            numbers = ((8, row_major(self.index_shape), 0), (8, claims.steps, 0))
            still[:0] = map(self._along, numbers)
        given = [first, own, *(broadcast(other, self.shape) for other in others), *still]
        return layout(
            self.shape, *given, jumps=self.jumps, wide=self.is_wide, still=len(still)
        )  # fmt: skip

    @property
    def is_wide(self) -> bool:
        """Are there places that an index of 32 bits does not reach?"""
        steps = [*zip(self.shape, self.steps), *zip(self.sizes, self.jumps)]
        return sum(n * abs(step) for n, step in steps) > LIMIT

    def _along(self, given: tuple[int, tuple[int, ...], int]) -> tuple[int, tuple[int, ...], int]:
        """The `facts` of an array of the indices' dimensions, along the result's."""
        item, steps, at = given
        first, last = self.over
        return item, (0,) * first + steps + (0,) * (len(self.shape) - last), at


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The steps of an array in order, in elements."""
    return tuple([math.prod(shape[i + 1 :]) for i in range(len(shape))])


def plan_of(x: Any, key: tuple) -> Plan:
    """The plan for a key.

    Raises:
        IndexError: There are too many indices, or they do not broadcast.
    """
    return _along(x, key) if key.__class__ is Along else _by_arrays(x, key)


def _along(x: Any, key: Along) -> Plan:
    index, dim = _index(key.index), key.dim
    sizes = zip(index.shape, x.shape)
    if index.ndim != x.ndim or any(n > m for i, (n, m) in enumerate(sizes) if i != dim):
        raise IndexError(f"an index of shape {index.shape} does not fit an array of {x.shape}")
    steps = list(facts(x)[1])
    jump, steps[dim] = steps[dim], 0
    return Plan(
        x, index.shape, (0, x.ndim), tuple(steps), (index,), (x.shape[dim],), (jump,), False
    )  # fmt: skip


def _by_arrays(x: Any, key: tuple) -> Plan:
    x, items = _opened(x, key)
    if len(items) > x.ndim:
        raise IndexError(f"too many indices for array of {x.ndim} dimensions")
    items += [_FULL] * (x.ndim - len(items))
    if any(item.__class__ is slice and item != _FULL for item in items):
        x = x[tuple([item if item.__class__ is slice else _FULL for item in items])]
    own = facts(x)[1]
    dims = [i for i, item in enumerate(items) if item.__class__ is not slice]
    arrays = tuple([items[i] for i in dims])
    try:
        common = broadcast_shapes(*(a.shape for a in arrays))
    except ValueError as error:
        raise IndexError(f"shape mismatch: indexing arrays: {error}") from error
    together = dims == list(range(dims[0], dims[0] + len(dims)))
    first = dims[0] if together else 0  # arrays that are apart put their dimensions in front
    kept = [i for i in range(x.ndim) if i not in dims]
    shape = [x.shape[i] for i in kept]
    steps = [own[i] for i in kept]
    shape[first:first], steps[first:first] = common, (0,) * len(common)
    return Plan(
        x, tuple(shape), (first, first + len(common)), tuple(steps), arrays,
        tuple([x.shape[i] for i in dims]), tuple([own[i] for i in dims]),
        not isinstance(key, Unsigned),
    )  # fmt: skip


def _opened(x: Any, key: tuple) -> tuple[Any, list[Any]]:
    """A key's items: each index array on the GPU, a mask as one for each of its dimensions.

    A mask without dimensions takes all or nothing: x has a dimension of size 1 in its place.
    """
    items: list[Any] = []
    for item in key:
        if item.__class__ is slice:
            items.append(item)
        elif item.dtype.kind != "b":
            items.append(_index(item))
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
    return [found] if mask.ndim == 1 else list(xp.unravel_index(found, mask.shape))


def _index(index: Any) -> Any:
    """An index array as kernels read it: of int64 or int32, on the GPU."""
    found = driver.cupy().asarray(index)
    return found if found.dtype in (np.int64, np.int32) else found.astype(np.int64)


__all__ = ["Plan", "coordinates", "plan_of", "row_major"]
