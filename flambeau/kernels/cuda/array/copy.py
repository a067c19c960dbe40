"""Copies between arrays that lie in memory in different ways.

Where both arrays have neighbours side by side, packs of up to 16 bytes are copied. Where the target is dense along one
dimension and the source along another, as for ``x.T``, squares go through the block's memory: each is read in whole
lines and written in whole lines. Numbers of two dtypes are converted one by one as C converts them; complex ones, and
float64 to a half type, are CuPy's to convert.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from ...llvm import Value, quotient, remainder
from .. import driver
from ..driver import Kernel
from ..floats import HALF
from ..thread import Thread
from .launch import THREADS, blocks, share, turns
from .layout import Dims, Form, Walk, broadcast, facts, layout, merged
from .monoid import MEMORY, Element
from .move import Item, Words

EACH = 4
"""Elements that a thread converts at a time."""
SIDE = 32
"""Elements along a side of a square."""
LEAST = 16
"""Elements along both dimensions from which squares pay."""


def contiguous(array: Any) -> Any:
    """A copy of an array with its elements in order."""
    made = driver.cupy().empty(array.shape, array.dtype)
    if made.size:
        _copy(made, array)
    return made


def converted(array: Any, dtype: Any) -> Any:
    """The array if it has this dtype, else a copy that does, with its elements in order."""
    if array.dtype == dtype:
        return array
    made = driver.cupy().empty(array.shape, dtype)
    copy_into(made, array)
    return made


def in_order(array: Any) -> Any:
    """The array if its elements lie in order, else a copy that does; 0-d stays so."""
    return array if array.flags.c_contiguous else contiguous(array)


def copy_into(target: Any, source: Any) -> None:
    """``target[...] = source`` for any two arrays, converting: broadcast, overlapping or of any layout."""
    if not target.size:
        return
    _copy(target, contiguous(source) if overlaps(target, source) else source)


def _copy(target: Any, source: Any) -> None:
    """Copy between arrays that do not overlap, of which the first has elements."""
    at = target.shape, facts(target), broadcast(source, target.shape)
    if target.dtype != source.dtype:
        _convert(target, source, at)
        return
    squares = _squares(*at)
    if squares is None:
        plain = layout(*at)
        size = target.itemsize * plain.form.pack
        grid = blocks(plain.count // turns(size))
        _copier(target.itemsize, plain.form)(grid, THREADS, target, source, *plain.arguments)
    else:
        form, tiles, arguments = squares
        _transposer(target.itemsize, form)(
            blocks(tiles * THREADS), THREADS, target, source, *arguments
        )


def overlaps(target: Any, source: Any) -> bool:
    """May a write to one array change the other? Two of the same elements do not disturb one another."""
    if target.data.ptr == source.data.ptr and target.strides == source.strides:
        return target.shape != source.shape
    (low, high), (first, last) = _bounds(target), _bounds(source)
    return low < last and first < high


def _bounds(array: Any) -> tuple[int, int]:
    """The first byte of an array that has elements, and the one behind the last."""
    reach = [(n - 1) * step for n, step in zip(array.shape, array.strides)]
    at = array.data.ptr
    return at + sum(min(r, 0) for r in reach), at + sum(max(r, 0) for r in reach) + array.itemsize


def _convert(target: Any, source: Any, at: tuple[Any, ...]) -> None:
    names = str(target.dtype.name), str(source.dtype.name)
    if not _is_converted(*names):
        target[...] = source
        return
    told = layout(*at, single=True)
    grid = blocks(told.count // EACH)
    _converter(*names, told.form)(grid, THREADS, target, source, *told.arguments)


def _is_converted(target: str, source: str) -> bool:
    """Does the kernel convert between such elements?"""
    rounds = source == "float64" and target in HALF
    return {target, source} <= MEMORY.keys() and "uint64" not in (target, source) and not rounds


@cache
def _converter(target_name: str, source_name: str, form: Form) -> Kernel:
    """Elements, each by one thread."""
    code, to, of = Thread(), Element(target_name), Element(source_name)
    target, source = code.takes("ptr target alone", "ptr source readonly")
    walk = Walk(code, form)

    def fetch(i: Value) -> tuple[Value, Value]:
        place, at = walk.places(i)
        value = of.load(code, source, at)
        if to.name == "bool":
            return place, value.differs(0)
        return place, value.convert("i64" if value.is_float and not to.is_float else to.number)

    def put(found: tuple[Value, Value]) -> None:
        to.store(code, found[1], target, found[0])

    share(code, walk.count, EACH, fetch, put)
    return Kernel("convert", code.kernel("convert"))


@cache
def _copier(size: int, form: Form) -> Kernel:
    """Packs, each by one thread."""
    code, item = Thread(), Item(size)
    target, source = code.takes("ptr target alone", "ptr source readonly")
    walk, (_, moves) = Walk(code, form), form.moves

    def fetch(i: Value) -> tuple[Value, Words]:
        to, at = walk.places(i)
        return to, item.fetch(code, source, at, form.pack, moves)

    def put(found: tuple[Value, Words]) -> None:
        item.put(code, found[1], target, found[0])

    share(code, walk.count, turns(size * form.pack), fetch, put)
    return Kernel("copy", code.kernel("copy"))


# --------------------------------------------------------------------------------------- squares


@lru_cache(4096)
def _squares(
    shape: tuple[int, ...], *operands: tuple[int, tuple[int, ...], int]
) -> tuple[Form, int, tuple[Any, ...]] | None:
    """How the outer dimensions lie, how many squares there are, and what the kernel takes; None where none are made.

    p is the dimension along which the target is dense, q that along which the source is.
    """
    dims = merged(shape, [steps for _, steps, _ in operands])
    at = _dense(dims)
    if at is None or operands[0][0] > 8:
        return None
    across, target_step, _ = dims[at]
    length, _, source_step = dims[-1]
    rest = [d for i, d in enumerate(dims[:-1]) if i != at]
    steps = [(16, tuple([d[k] for d in rest]), 0) for k in (1, 2)]
    wide = layout(shape, *operands).form.index == "i64"
    outer = layout(tuple([d[0] for d in rest]), *steps, wide=wide)
    tiles = outer.count * -(-length // SIDE) * -(-across // SIDE)
    integer = np.int64 if wide else np.int32
    numbers = map(integer, (tiles, length, across, target_step, source_step))
    return outer.form, tiles, (*outer.arguments, *numbers)


def _dense(dims: Dims) -> int | None:
    """Which dimension the source is dense along, where that is another than the target's and both are long."""
    length, step, source_step = dims[-1]
    if step != 1 or source_step in (-1, 0, 1) or length < LEAST:
        return None
    return next((i for i, d in enumerate(dims[:-1]) if d[2] == 1 and d[0] >= LEAST), None)


@cache
def _transposer(size: int, form: Form) -> Kernel:
    """Squares, each by one block: a row of the block's memory is one element longer, so that its columns lie in
    different banks."""
    code, item = Thread(), Item(size)
    target, source = code.takes("ptr target alone", "ptr source readonly")
    walk, index = Walk(code, form), form.index
    tiles, length, across, target_step, source_step = code.takes(
        *(f"{index} {name}" for name in ("tiles", "length", "across", "target_step", "source_step"))
    )
    square = code.shared(item.word, SIDE * (SIDE + 1))
    thread = code.special("tid", index)
    lane, row = remainder(thread, SIDE), quotient(thread, SIDE)
    along, over = (quotient(n + (SIDE - 1), SIDE) for n in (length, across))
    rows = range(0, SIDE, THREADS // SIDE)

    with code.loop(code.special("ctaid", index), tiles, code.special("nctaid", index)) as tile:
        upper, p = quotient(tile, along), remainder(tile, along) * SIDE
        q = remainder(upper, over) * SIDE
        to, at = walk.places(quotient(upper, over))
        for k in rows:
            with code.when((p + row + k < length) & (q + lane < across)):
                place = at + (p + row + k) * source_step + q + lane
                words = item.fetch(code, source, place)
                item.put(code, words, square, (row + k) * (SIDE + 1) + lane)
        code.barrier()
        for k in rows:
            with code.when((p + lane < length) & (q + row + k < across)):
                words = item.fetch(code, square, lane * (SIDE + 1) + row + k)
                item.put(code, words, target, to + (q + row + k) * target_step + p + lane)
        code.barrier()
    return Kernel("transpose", code.kernel("transpose"))


__all__ = ["contiguous", "converted", "copy_into", "in_order", "overlaps"]
