"""Running sums, products, extremes and logarithms of sums along a dimension of an array.

Arrays are seen as A blocks of R rows of B columns, and the walk goes along R. Sums and products of floats are made in
double, those of half types in float32, and rounded once for each result; the order of additions depends on shapes and on
the number of multiprocessors.
Complex numbers are CuPy's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import driver
from ..thread import WARP
from . import scan_kernel
from .copy import in_order
from .launch import THREADS, WAVES, blocks
from .monoid import Element, Monoid, is_known

NUMPY = {"float": np.float32, "double": np.float64, "i32": np.int32, "i64": np.int64}
"""The dtype of an array of states, by the type of its values."""
SHORT = 32
"""Elements of a row that one thread takes."""
_LEAST = 64
"""Rows of a chunk at least, where a thread walks; a block walks over so many elements for each thread."""


def running_sum(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running sums: floats in their dtype, rounded once; int64 of integers and bools.

    narrow: Of integers in their own dtype, what does not fit cut off.
    """
    return _accumulated("sum", x, dim, narrow)


def running_product(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running products, in the dtypes of `running_sum`."""
    return _accumulated("product", x, dim, narrow)


def running_extreme(x: Any, dim: int, largest: bool) -> tuple[Any, Any]:
    """The largest (or smallest) value so far, and the last place where it stood; nan wins."""
    xp = driver.cupy()
    values, index = xp.empty(x.shape, x.dtype), xp.empty(x.shape, np.int64)
    if x.size:
        _run(monoid("largest" if largest else "smallest", x), in_order(x), (values, index), dim)
    return values, index


def running_logsumexp(x: Any, dim: int) -> Any:
    """log of running sums of exp, without overflow."""
    made = driver.cupy().empty(x.shape, x.dtype)
    if x.size:
        _run(monoid("logsumexp", x), in_order(x), (made,), dim)
    return made


def monoid(name: str, x: Any) -> Monoid:
    """What joins an array's elements.

    Raises:
        TypeError: Such elements have no order.
    """
    if not is_known(x.dtype):
        raise TypeError(f"elements of {x.dtype} have no {name}")
    return Monoid(name, Element(str(x.dtype.name)))


def _accumulated(name: str, x: Any, dim: int, narrow: bool) -> Any:
    xp, kind = driver.cupy(), x.dtype.kind
    result = x.dtype if narrow or kind in "fcVW" else np.dtype(np.int64)
    if not is_known(x.dtype):
        by = xp.cumsum if name == "sum" else xp.cumprod
        return by(x.astype(np.complex128), dim).astype(result)
    made = xp.empty(x.shape, result)
    if x.size:
        _run(monoid(name, x), in_order(x), (made,), dim)
    return made


class Shape(NamedTuple):
    """What walks are told.

    Attributes:
        blocks, length, breadth: A, R and B.
        chunk: Rows of a chunk.
        chunks: Of a row.
    """

    blocks: int
    length: int
    breadth: int
    chunk: int
    chunks: int

    @property
    def threads(self) -> int:
        """Of a block, which takes a row; 0 where threads take columns."""
        if self.breadth > 1 or self.length <= SHORT:
            return 0
        wanted = self.chunk // scan_kernel.EACH
        return max(WARP, min(THREADS, 1 << wanted.bit_length() >> 1))

    @property
    def units(self) -> int:
        return self.blocks * self.chunks * self.breadth

    @property
    def whole(self) -> Shape:
        """The same without chunks."""
        return self._replace(chunk=self.length, chunks=1)

    @property
    def over(self) -> Shape:
        """The walk over what the chunks join to."""
        return Shape(self.blocks, self.chunks, self.breadth, self.chunks, 1)

    @property
    def arguments(self) -> tuple[Any, ...]:
        facts = (self.units, self.length, self.breadth, self.chunk, self.chunks)
        return tuple(map(np.int64, facts))

    @property
    def grid(self) -> int:
        return min(self.units, 1 << 16) if self.threads else blocks(self.units)


def shape_of(shape: Sequence[int], dim: int) -> Shape:
    """How an array is walked along a dimension: in chunks where its rows are few and long."""
    outer, length, breadth = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    processors = driver.processors(driver.device())
    if breadth > 1:
        wanted = processors * WAVES * THREADS // (outer * breadth)
        least = _LEAST
    else:
        wanted, least = processors * WAVES // outer, _LEAST * THREADS
    chunks = max(1, min(wanted, length // least, _LEAST if breadth > 1 else THREADS))
    chunk = -(-length // chunks)
    return Shape(outer, length, breadth, chunk, -(-length // chunk))


def totals(how: Monoid, x: Any, shape: Shape) -> list[Any]:
    """What each chunk joins to: arrays of its state."""
    xp = driver.cupy()
    made = [xp.empty((shape.units,), NUMPY[type]) for type in how.types]
    kernel = scan_kernel.total(how, shape.threads, False, False)
    kernel(shape.grid, shape.threads or THREADS, x, *made, *shape.arguments)
    return made


def last(how: Monoid, x: Any, shape: Shape, made: Any, only_place: bool) -> None:
    """What each row of an array in order joins to: its value, or the place of an extreme."""
    found, states = [x], shape.chunks > 1
    if states:
        found, shape = totals(how, x, shape), shape.over
    kernel = scan_kernel.total(how, shape.threads, states, only_place)
    kernel(shape.grid, shape.threads or THREADS, *found, made, *shape.arguments)


def _run(how: Monoid, x: Any, made: Sequence[Any], dim: int) -> None:
    """Walk over an array in order; with chunks in three launches."""
    shape = shape_of(x.shape, dim % x.ndim)
    carry: list[Any] = []
    if shape.chunks > 1:
        found = totals(how, x, shape)
        carry = [driver.cupy().empty_like(a) for a in found]
        over = shape.over
        kernel = scan_kernel.running(how, over.threads, True, False, "")
        kernel(over.grid, over.threads or THREADS, *found, *carry, *over.arguments)
    result = str(made[0].dtype.name)
    kernel = scan_kernel.running(how, shape.threads, False, bool(carry), result)
    kernel(shape.grid, shape.threads or THREADS, x, *made, *carry, *shape.arguments)


__all__ = [
    "last", "monoid", "running_extreme", "running_logsumexp", "running_product", "running_sum",
    "shape_of",
]  # fmt: skip
